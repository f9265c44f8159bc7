import { kindOf } from "../../kinds/index.ts";
import { didYouMean } from "../../kinds/names.ts";
import { listObjects } from "../client/objects.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";

/** The actions of events. An older or newer server may have others. */
export const knownActions = [
  "llm_inference_call",
  "llm_state_call",
  "mcp_call",
  "login",
  "login_failed",
  "logout",
  "denied",
  "create",
  "update",
  "delete",
  "reveal",
  "authorize",
  "deauthorize",
  "rotate",
  "rotate-secretbackend",
  "renew",
  "impersonate",
  "migrate",
  "migrate-secrets",
  "backup",
  "restore",
  "cache_clear",
  "traffic",
] as const;

/** Filters of `mcpctl audit` whose values are names. */
interface NameFilters {
  llm?: string | undefined;
  user?: string | undefined;
  token?: string | undefined;
  action?: string | undefined;
}

/**
 * Warns of filters that match nothing there is today. They are no errors: the log also has events of what was deleted. The
 * names that the caller may not see are passed over.
 */
export async function warnOfUnknownNames(
  { llm, user, token, action }: NameFilters,
  context: Context,
): Promise<void> {
  const say = (what: string, word: string, known: readonly string[]) => {
    if (known.includes(word)) return;
    const near = didYouMean(word, known);
    warn(context.terminal, `${what} "${word}"${near === undefined ? "" : `; ${near}`}`);
  };
  const namesOf = async (kind: string, fields: readonly string[]) => {
    const objects = await listObjects(kindOf(kind), context).catch(() => undefined);
    return objects?.flatMap((object) =>
      [object.id, ...fields.flatMap((field) => object[field] ?? [])].map(String),
    );
  };
  if (action !== undefined) say("no event that this program knows has the action", action, knownActions);
  const llms = llm === undefined ? undefined : await namesOf("llm", ["name", "poolName", "aliases"]);
  if (llms) say("there is no llm or pool now with the name", llm!, llms);
  const users = user === undefined ? undefined : await namesOf("user", ["name"]);
  if (users) say("there is no user now with the name", user!, users);
  const tokens = token === undefined ? undefined : await namesOf("token", ["name"]);
  if (tokens) say("there is no token now with the name", token!, tokens);
}
