import type { OpenBaoAuth } from "../../kinds/secret-backends/openbao.ts";
import { lasting } from "./faults.ts";
import type { Bao, BaoRequest } from "./http.ts";
import type { Backend } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { type Lease, leaseOf, lookUpSelf } from "./token.ts";

/** What a login needs besides the config. */
export interface Credentials {
  /** The token or secret id, as it is now. */
  credential(): Promise<string>;
  /** The token of the pod's service account, as it is now. */
  serviceAccountToken(): Promise<string>;
}

export type Login = Pick<Lease, "token" | "ttl" | "renewable">;

/** Logs in once, by whatever method the config says. Throws AppError; `secret_unavailable` when it is refused. */
export async function logIn(
  bao: Bao,
  backend: Backend,
  auth: OpenBaoAuth | undefined,
  credentials: Credentials,
): Promise<Login> {
  const { name } = backend;
  switch (auth?.method) {
    case undefined:
      throw lasting(name, "it has no credential", { hint: "set auth in its config" });
    case "token": {
      const token = sendable(name, "token", await credentials.credential());
      const facts = await lookUpSelf(bao, backend, token);
      if (!facts) throw badToken(name);
      return { token, ttl: facts.ttl, renewable: facts.renewable };
    }
    case "approle": {
      const secret_id = sendable(name, "secret id", await credentials.credential());
      const body = { role_id: auth.roleId, secret_id };
      return logInAt(bao, backend, auth.mount ?? "approle", body, "the role id and secret id");
    }
    case "kubernetes": {
      const jwt = sendable(name, "service account's token", await credentials.serviceAccountToken());
      const body = { role: auth.role, jwt };
      return logInAt(bao, backend, auth.mount ?? "kubernetes", body, "this service account for its role");
    }
  }
}

/** A token that it does not know, or knows no more. */
export function badToken(name: string, when = ""): ReturnType<typeof lasting> {
  return lasting(name, `it does not accept the token${when}`, {
    hint: "put a new one in the secret that its config names; the policy needs read on auth/token/lookup-self",
  });
}

async function logInAt(
  bao: Bao,
  backend: Backend,
  mount: string,
  body: object,
  what: string,
): Promise<Login> {
  const request: BaoRequest = { method: "POST", path: `auth/${mount}/login`, body };
  const answer = await bao.request(request);
  // Without a token it says 403 to a path that leads nowhere, too.
  if (answer.status === 400 || answer.status === 403)
    throw lasting(backend.name, `it does not accept ${what} at "auth/${mount}"`, {
      hint: "see that the auth method is enabled there, and that the role is one of it",
    });
  if (answer.status !== 200) throw refusal(backend, request, answer);
  const lease = leaseOf(answer.body);
  if (!lease) throw lasting(backend.name, "its answer to the login has no token in it");
  return lease;
}

/** Without the line end that comes with pasting (T15). What cannot stand in a header is refused, and not shown. */
function sendable(name: string, what: string, given: string): string {
  const text = given.trim();
  if (text === "") throw lasting(name, `its ${what} is empty`);
  if (!/^[\x21-\x7e]+$/.test(text)) throw lasting(name, `its ${what} has characters that cannot be in one`);
  return text;
}
