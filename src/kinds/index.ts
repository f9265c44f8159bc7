import { agent } from "./agent.ts";
import { authorization } from "./authorization.ts";
import { clientGrant } from "./client-grant.ts";
import type { Kind } from "./define.ts";
import { group } from "./group.ts";
import { instance } from "./instance.ts";
import { llm } from "./llm.ts";
import { mcpServer } from "./mcp-server.ts";
import { project } from "./project.ts";
import { prompt } from "./prompt.ts";
import { promptRequest } from "./prompt-request.ts";
import { proxyModel } from "./proxy-model.ts";
import { rbac } from "./rbac.ts";
import { secret } from "./secret.ts";
import { secretBackend } from "./secret-backend.ts";
import { serverAttachment } from "./server-attachment.ts";
import { template } from "./template.ts";
import { token } from "./token.ts";
import { user } from "./user.ts";

const all = [
  secretBackend,
  secret,
  llm,
  agent,
  template,
  mcpServer,
  instance,
  authorization,
  user,
  group,
  proxyModel,
  project,
  serverAttachment,
  prompt,
  promptRequest,
  rbac,
  token,
  clientGrant,
] as const;

/** All kinds, in the order in which `apply` creates their objects. */
export const kinds: readonly Kind[] = all;

/** The singular name of a kind. */
export type KindName = (typeof all)[number]["kind"];

/** The descriptor of the kind of a singular name: `KindNamed<"llm">`. */
export type KindNamed<Name extends KindName> = Extract<(typeof all)[number], { kind: Name }>;

const byWord = new Map<string, Kind>();
for (const kind of kinds) {
  for (const word of new Set([kind.kind, kind.plural, ...kind.short])) {
    if (byWord.has(word)) throw new Error(`two kinds are called ${word}`);
    byWord.set(word, kind);
  }
}

/** Finds a kind by its singular, plural or a short name, in any case. */
export function findKind(word: string): Kind | undefined {
  return byWord.get(word.toLowerCase());
}

/** Returns the kind of a singular name. Throws Error if there is none. */
export function kindOf(singular: string): Kind {
  const kind = byWord.get(singular);
  if (!kind) throw new Error(`no kind ${singular}`);
  return kind;
}

/** All names of all kinds. */
export function kindWords(): string[] {
  return [...byWord.keys()];
}
