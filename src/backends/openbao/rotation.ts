import { AppError } from "../../errors.ts";
import { permanent } from "./faults.ts";
import type { Bao, BaoRequest, BaoResponse } from "./http.ts";
import { createKv } from "./kv.ts";
import { badToken } from "./login.ts";
import type { BaoBackend } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { type Lease, leaseOf, lookUpSelf } from "./token.ts";

/** Names of token roles that a path can contain unchanged. */
const rolePattern = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
/** Retries while a node that only reads is behind the active one. Milliseconds. */
const retry = { attempts: 5, pause: 200 };

/**
 * Makes a token like the given one: by the same token role, with the same policies.
 *
 * @throws AppError `not_supported` if no token role made the given one, or if the new token would expire with it
 */
export async function mintToken(bao: Bao, backend: BaoBackend, token: string): Promise<string> {
  const { name } = backend;
  const facts = await lookUpSelf(bao, backend, token);
  if (!facts) throw badToken(name);
  if (facts.role === undefined || !rolePattern.test(facts.role))
    throw notSupported(
      name,
      "its token was not made by a token role, so there is nothing to make another with",
    );
  if (facts.isBatch || facts.usesLeft > 0)
    throw notSupported(name, "a batch token, or one that counts its uses, can make no other");
  const request = tokenCreation(facts.role, {
    policies: facts.policies,
    no_default_policy: !facts.policies.includes("default"),
  });
  const response = await bao.request({ ...request, token });
  if (response.status !== 200) throw refusal(backend, request, response);
  const created = createdToken(name, response);
  if (!created.orphan) {
    await revokeToken(bao, backend, created.token);
    throw notSupported(name, "the tokens of its token role die with the one that made them", {
      hint: `bao write auth/token/roles/${facts.role} orphan=true`,
    });
  }
  return created.token;
}

/** Returns the request for a token by a token role. It is sent once: a token whose response is lost would live on. */
export function tokenCreation(role: string, parameters: object): BaoRequest {
  const body = { ...parameters, display_name: "mcpctl" };
  return { method: "POST", path: `auth/token/create/${role}`, body, once: true };
}

/** Returns the token in the response to `tokenCreation`. Throws AppError if there is none. */
export function createdToken(name: string, response: BaoResponse): Lease {
  const lease = leaseOf(response.body);
  if (!lease) throw permanent(name, "its response has no new token");
  return lease;
}

/** Proves that a token works: the server knows it, and it can write, read and delete. Throws AppError. */
export async function proveToken(
  bao: Bao,
  backend: BaoBackend,
  token: string,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const { name } = backend;
  /** Retries until a node that only reads has a token or value that was just made. */
  async function known<T>(send: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const response = await send();
      if (response || tried === retry.attempts) return response;
      await pause(retry.pause);
    }
  }
  if (!(await known(() => lookUpSelf(bao, backend, token))))
    throw permanent(name, "it does not accept the token");
  const kv = createKv(backend, (request) => bao.request({ ...request, token }));
  const ref = `proof/${crypto.randomUUID()}`;
  const data = { proof: crypto.randomUUID() };
  try {
    await kv.write(ref, data);
    const read = await known(() => kv.read(ref));
    if (read?.["proof"] !== data.proof) throw permanent(name, "the value that was written is not read back");
  } catch (error) {
    await kv.delete(ref).catch(() => {});
    throw error;
  }
  await kv.delete(ref);
}

/** Revokes a token with the token itself. Does nothing if it is revoked already. Throws AppError. */
export async function revokeToken(bao: Bao, backend: BaoBackend, token: string): Promise<void> {
  const request: BaoRequest = { method: "POST", path: "auth/token/revoke-self", token };
  const response = await bao.request(request);
  if (response.status === 200 || response.status === 204) return;
  if (response.status === 403 && !(await lookUpSelf(bao, backend, token))) return;
  throw refusal(backend, request, response);
}

export function notSupported(name: string, text: string, options: { hint?: string } = {}): AppError {
  return new AppError("not_supported", `secret backend "${name}": ${text}`, options);
}
