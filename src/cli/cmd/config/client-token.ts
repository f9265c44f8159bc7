import { createHash, randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";
import { Bearer, identityAnswer } from "../../client/account-answers.ts";
import { anything, fieldsOf } from "../../client/answers.ts";
import { withNearestName } from "../../client/objects.ts";
import { clientFor } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";
import { warn } from "../../core/failure.ts";

const tokenAnswer = fieldsOf({ token: Bearer });

/** The use of a token: one file of one client, and what it may run. */
export interface TokenPurpose {
  client: string;
  /** The client's file. */
  file: string;
  project: string;
  llm?: string | undefined;
}

/** Returns the file of a token. One server, one client and one file of it have one token of their own. */
function tokenFile(home: string, server: string, { client, file, project, llm }: TokenPurpose): string {
  const hash = createHash("sha256").update(`${server}\n${file}`).digest("hex").slice(0, 8);
  const more = llm === undefined ? "" : `-${llm}`;
  return join(home, "tokens", `${client}-${project}-${hash}${more}.token`);
}

/**
 * Returns the file of a token that may run one project, and one llm if it is given, and nothing else. A token that is
 * there and still valid is used again.
 *
 * @returns `name` is set for a new token
 * @throws AppError
 */
export async function ensureToken(
  context: Context,
  purpose: TokenPurpose,
): Promise<{ file: string; name?: string }> {
  const client = await context.client();
  const file = tokenFile(context.home, client.endpoint.url, purpose);
  const known = readPrivateFile(file, { secret: true })?.trim();
  if (known !== undefined && (await nameOf(context, known)) !== undefined) return { file };
  const { client: program, project, llm } = purpose;
  const name = `${program}-${project.slice(0, 60)}-${randomBytes(3).toString("hex")}`;
  const rights = [{ role: "run", resource: "projects", name: project }];
  if (llm !== undefined) rights.push({ role: "run", resource: "llms", name: llm });
  const { token } = await client.call("POST", "/api/v1/tokens", {
    body: { name, description: `${program} on this machine: ${purpose.file}`, roleBindings: rights },
    answer: tokenAnswer,
  });
  writePrivateFile(file, `${token}\n`);
  return { file, name };
}

/** Revokes the tokens of one client's file and removes their files. Returns their names. */
export async function removeTokens(context: Context, purpose: TokenPurpose): Promise<string[]> {
  const client = await context.client();
  const file = tokenFile(context.home, client.endpoint.url, { ...purpose, llm: undefined });
  const stem = basename(file, ".token");
  const folder = join(context.home, "tokens");
  const removed: string[] = [];
  for (const entry of filesIn(folder).filter(
    (one) => one === `${stem}.token` || one.startsWith(`${stem}-`),
  )) {
    const path = join(folder, entry);
    try {
      const name = await nameOf(context, readPrivateFile(path, { secret: true })!.trim());
      if (name !== undefined) {
        await client.call("DELETE", `/api/v1/tokens/${encodeURIComponent(name)}`, { answer: anything });
        removed.push(name);
      }
      rmSync(path);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // The file stays, so that the token can still be found.
      warn(context.terminal, `the token in ${path} is still valid: ${error.message}`);
    }
  }
  return removed;
}

/** Returns the name of a token at the server; undefined if the server does not accept it. */
async function nameOf(context: Context, token: string): Promise<string | undefined> {
  const { endpoint } = await context.client();
  try {
    const client = clientFor({ ...endpoint, token }, context);
    return (await client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer })).token;
  } catch (error) {
    if (error instanceof AppError && error.code === "unauthenticated") return undefined;
    throw error;
  }
}

/** Checks that a project is there, as far as the user may see it. Throws AppError `not_found`. */
export async function checkProject(context: Context, name: string): Promise<void> {
  const client = await context.client();
  try {
    await client.call("GET", `/api/v1/${kindOf("project").plural}/${encodeURIComponent(name)}`, {
      answer: anything,
    });
  } catch (error) {
    if (error instanceof AppError && error.code === "forbidden") return;
    throw await withNearestName(error, kindOf("project"), name, client);
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
