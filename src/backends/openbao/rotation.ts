import { AppError } from "../../errors.ts";
import { lasting } from "./faults.ts";
import type { Bao, BaoAnswer, BaoRequest } from "./http.ts";
import { createKv } from "./kv.ts";
import { badToken } from "./login.ts";
import type { Backend } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { type Lease, leaseOf, lookUpSelf } from "./token.ts";

/** A role's name that can stand in a path as it is. */
const rolePattern = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
/** Milliseconds. */
const patience = { attempts: 5, pause: 200 };

/**
 * Makes a token as the one given was made: by the same token role, with the same policies.
 *
 * @throws AppError `not_supported` for a token that no role made, and for a role whose tokens would not outlive the
 * one given
 */
export async function mintToken(bao: Bao, backend: Backend, token: string): Promise<string> {
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
  const request = creationBy(facts.role, {
    policies: facts.policies,
    no_default_policy: !facts.policies.includes("default"),
  });
  const answer = await bao.request({ ...request, token });
  if (answer.status !== 200) throw refusal(backend, request, answer);
  const created = createdIn(name, answer);
  if (!created.orphan) {
    await revokeToken(bao, backend, created.token);
    throw notSupported(name, "the tokens of its token role die with the one that made them", {
      hint: `bao write auth/token/roles/${facts.role} orphan=true`,
    });
  }
  return created.token;
}

/** Asks for a token by a token role, once: one that got lost on the way would live on. */
export function creationBy(role: string, wishes: object): BaoRequest {
  const body = { ...wishes, display_name: "mcpctl" };
  return { method: "POST", path: `auth/token/create/${role}`, body, once: true };
}

/** The token in the answer to `creationBy`. Throws AppError when there is none. */
export function createdIn(name: string, answer: BaoAnswer): Lease {
  const lease = leaseOf(answer.body);
  if (!lease) throw lasting(name, "its answer has no new token in it");
  return lease;
}

/** Proves that a token works: it is known, and can write, read and delete. Throws AppError. */
export async function proveToken(
  bao: Bao,
  backend: Backend,
  token: string,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const { name } = backend;
  /** A node that only reads may hear a moment later of what has just been made. */
  async function known<T>(ask: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const answer = await ask();
      if (answer || tried === patience.attempts) return answer;
      await pause(patience.pause);
    }
  }
  if (!(await known(() => lookUpSelf(bao, backend, token))))
    throw lasting(name, "it does not accept the token");
  const kv = createKv(backend, (request) => bao.request({ ...request, token }));
  const ref = `proof/${crypto.randomUUID()}`;
  const data = { proof: crypto.randomUUID() };
  try {
    await kv.write(ref, data);
    const read = await known(() => kv.read(ref));
    if (read?.["proof"] !== data.proof) throw lasting(name, "what was written is not read back");
  } catch (error) {
    await kv.delete(ref).catch(() => {});
    throw error;
  }
  await kv.delete(ref);
}

/** Makes a token worthless, with the token itself. Nothing when it is already. Throws AppError. */
export async function revokeToken(bao: Bao, backend: Backend, token: string): Promise<void> {
  const request: BaoRequest = { method: "POST", path: "auth/token/revoke-self", token };
  const answer = await bao.request(request);
  if (answer.status === 200 || answer.status === 204) return;
  if (answer.status === 403 && !(await lookUpSelf(bao, backend, token))) return;
  throw refusal(backend, request, answer);
}

export function notSupported(name: string, text: string, options: { hint?: string } = {}): AppError {
  return new AppError("not_supported", `secret backend "${name}": ${text}`, options);
}
