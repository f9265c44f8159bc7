import { createHash, randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { abandonedDrafts, discardDraft } from "../../../drafts.ts";
import { AppError } from "../../../errors.ts";
import { grantText, type RoleBinding } from "../../../kinds/grants.ts";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";
import { Bearer, type Identity, identityAnswer } from "../../client/account-answers.ts";
import { anything, fieldsOf } from "../../client/answers.ts";
import { clientFor, detachedClient, throwIfInterrupted } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";
import { warn } from "../../core/failure.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { announcedTokens, announceToken } from "./announced-tokens.ts";

const tokenAnswer = fieldsOf({ token: Bearer });

/** A token for one client. */
export interface ClientTokenRequest {
  /** The file in which it is kept. */
  file: string;
  /** The program, and the words that its name begins with. */
  client: string;
  words: string;
  description: string;
  rights: readonly RoleBinding[];
  /** Milliseconds; undefined for a token that does not expire. */
  ttl?: number | undefined;
}

/** A token that may be used. */
export interface OpenToken {
  bearer: string;
  name: string;
  isNew: boolean;
  /** Keeps a new token in its file, and revokes the one that was there. */
  keep(): Promise<void>;
  /** Revokes a new token again, so that everything is as it was. */
  discard(): Promise<void>;
}

/** Returns a file of `~/.mcpctl/tokens`. One server, one client and one file of it have a token of their own. */
export function tokenFile(home: string, server: string, stem: string, purpose: string): string {
  const hash = createHash("sha256").update(`${server}\n${purpose}`).digest("hex").slice(0, 8);
  return join(home, "tokens", `${stem}-${hash}.token`);
}

/**
 * Returns the token in a file, if it is still valid and has more than a third of its time left, or makes one that has
 * some rights and no others.
 *
 * @param mayReuse false makes another one in any case
 */
export async function openToken(
  context: Context,
  request: ClientTokenRequest,
  mayReuse: boolean,
): Promise<OpenToken> {
  const known = readPrivateFile(request.file, { secret: true })?.trim();
  const old = known === undefined ? undefined : await identityOf(context, known);
  await removeAbandonedTokens(context, request.file, { inUse: old?.token });
  const nothing = async () => {};
  if (known !== undefined && old?.token !== undefined && mayReuse && !isNearEnd(old, request, context.now()))
    return { bearer: known, name: old.token, isNew: false, keep: nothing, discard: nothing };
  const name = newTokenName(request);
  const announcement = announceToken(request.file, name);
  const bearer = await makeToken(context, name, request).catch((error: unknown) => {
    // Where no answer came, the token may be there.
    if (error instanceof AppError && error.requestId !== undefined) discardDraft(announcement);
    throw error;
  });
  return {
    bearer,
    name,
    isNew: true,
    async keep() {
      writePrivateFile(request.file, `${bearer}\n`);
      discardDraft(announcement);
      if (old?.token === undefined) return;
      await revoke(context, old.token).catch((error: Error) =>
        warn(context.terminal, `token '${old.token}', which is replaced, is still valid: ${error.message}`),
      );
    },
    async discard() {
      await revoke(context, name);
      discardDraft(announcement);
    },
  };
}

/** Returns a name that no token has, made of the program and some words. */
export function newTokenName({ client, words }: Pick<ClientTokenRequest, "client" | "words">): string {
  const stem = `${client}-${words.slice(0, 60)}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return `${stem.replace(/-$/, "")}-${randomBytes(3).toString("hex")}`;
}

/** Makes a token, and returns its bearer. After Ctrl-C it is revoked again. */
export async function makeToken(
  context: Context,
  name: string,
  { description, rights, ttl }: Pick<ClientTokenRequest, "description" | "rights" | "ttl">,
): Promise<string> {
  const server = await detachedClient(context);
  const expiresAt = ttl === undefined ? undefined : new Date(Date.now() + ttl).toISOString();
  const body = {
    name,
    description: description.slice(0, 500),
    roleBindings: rights,
    ...(expiresAt && { expiresAt }),
  };
  const { token } = await server.call("POST", "/api/v1/tokens", { body, answer: tokenAnswer });
  if (context.signal.aborted) await revoke(context, name);
  throwIfInterrupted(context);
  return token;
}

/** Revokes a token of the user, also after Ctrl-C. */
export async function revoke(context: Context, name: string): Promise<void> {
  const client = await detachedClient(context);
  await client.call("DELETE", `/api/v1/tokens/${encodeURIComponent(name)}`, { answer: anything });
}

/**
 * Revokes the token in a file and removes the file.
 *
 * @returns its name; undefined if there was none, or if the server did not accept it any more
 */
export async function removeToken(context: Context, file: string): Promise<string | undefined> {
  const abandoned = await removeAbandonedTokens(context, file, { isAnyAge: true });
  return (await removeTokenIn(context, file)) ?? abandoned;
}

/**
 * Revokes tokens that a connect has made that was killed, or lost its connection, before it gave them their file.
 *
 * @param inUse the name of a token that has its file
 * @param isAnyAge true also if a connect may be at work that announced its token less than a minute ago
 * @returns the last one's name
 */
async function removeAbandonedTokens(
  context: Context,
  file: string,
  { inUse, isAnyAge = false }: { inUse?: string | undefined; isAnyAge?: boolean },
): Promise<string | undefined> {
  let last: string | undefined;
  for (const { announcement, name } of announcedTokens(file, isAnyAge)) {
    const outcome = name === inUse ? "none" : await revokeAnnounced(context, name);
    if (outcome === "revoked") last = name;
    if (outcome !== undefined) discardDraft(announcement);
  }
  for (const draft of abandonedDrafts(file)) last = (await removeTokenIn(context, draft)) ?? last;
  return last;
}

/** Revokes a token of which only the name is known. Returns undefined if that failed. */
async function revokeAnnounced(context: Context, name: string): Promise<"revoked" | "none" | undefined> {
  try {
    await revoke(context, name);
    return "revoked";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "not_found") return "none";
    warn(context.terminal, `token '${name}' of an earlier attempt may still be valid: ${error.message}`);
    return undefined;
  }
}

async function removeTokenIn(context: Context, file: string): Promise<string | undefined> {
  const bearer = readPrivateFile(file, { secret: true })?.trim();
  if (bearer === undefined) return undefined;
  try {
    const name = (await identityOf(context, bearer))?.token;
    if (name !== undefined) await revoke(context, name);
    rmSync(file);
    return name;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // The file stays, so that the token can still be found.
    warn(context.terminal, `the token in ${file} is still valid: ${error.message}`);
    return undefined;
  }
}

/** Tells the user of a new token: its name, its rights, and its file. */
export function sayMade(terminal: Terminal, { name }: OpenToken, { rights, file }: ClientTokenRequest): void {
  terminal.err(`token '${name}' created (${rightsText(rights)}), in ${file}\n`);
}

/** Rights as a user reads them: `run llms/gpt, run projects/shop`. */
function rightsText(rights: readonly RoleBinding[]): string {
  return rights.map((right) => grantText(right).replace(":", " ").replace(":", "/")).join(", ");
}

/** Returns who a token is at the server; undefined if the server does not accept it. */
async function identityOf(context: Context, token: string): Promise<Identity | undefined> {
  const { endpoint } = await context.client();
  try {
    const client = clientFor({ ...endpoint, token }, context);
    return await client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer });
  } catch (error) {
    if (error instanceof AppError && error.code === "unauthenticated") return undefined;
    throw error;
  }
}

function isNearEnd({ expiresAt }: Identity, { ttl }: ClientTokenRequest, now: number): boolean {
  if (ttl === undefined || !expiresAt) return ttl !== undefined;
  return Date.parse(expiresAt) - now < ttl / 3;
}
