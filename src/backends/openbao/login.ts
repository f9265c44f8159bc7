import type { OpenBaoAuth } from "../../kinds/secret-backends/openbao.ts";
import { permanent } from "./faults.ts";
import type { Bao, BaoRequest } from "./http.ts";
import type { BaoBackend } from "./paths.ts";
import { refusal } from "./refusals.ts";
import { type Lease, leaseOf, lookUpSelf } from "./token.ts";

/** Credentials that a login needs besides the config. */
export interface Credentials {
  /** Reads the token or secret id, as it is now. */
  credential(): Promise<string>;
  /** Reads the token of the pod's service account, as it is now. */
  serviceAccountToken(): Promise<string>;
}

export type Login = Pick<Lease, "token" | "ttl" | "renewable">;

/** Logs in once, by the method in the config. Throws AppError, `secret_unavailable` if the login is refused. */
export async function logIn(
  bao: Bao,
  backend: BaoBackend,
  auth: OpenBaoAuth | undefined,
  credentials: Credentials,
): Promise<Login> {
  const { name } = backend;
  switch (auth?.method) {
    case undefined:
      throw permanent(name, "it has no credential", { hint: "set auth in its config" });
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

/** Returns the fault of a token that the server does not know, or does not know any more. */
export function badToken(name: string, when = ""): ReturnType<typeof permanent> {
  return permanent(name, `it does not accept the token${when}`, {
    hint: "put a new one in the secret that its config names; the policy needs read on auth/token/lookup-self",
  });
}

async function logInAt(
  bao: Bao,
  backend: BaoBackend,
  mount: string,
  body: object,
  what: string,
): Promise<Login> {
  const request: BaoRequest = { method: "POST", path: `auth/${mount}/login`, body };
  const response = await bao.request(request);
  // Without a token, the server sends 403 for a path that does not exist, too.
  if (response.status === 400 || response.status === 403)
    throw permanent(backend.name, `it does not accept ${what} at "auth/${mount}"`, {
      hint: "see that the auth method is enabled there, and that the role is one of it",
    });
  if (response.status !== 200) throw refusal(backend, request, response);
  const lease = leaseOf(response.body);
  if (!lease) throw permanent(backend.name, "its response to the login has no token");
  return lease;
}

/** Returns a credential without the line break that comes with pasting (T15). Refuses one that no header can carry (T14). */
function sendable(name: string, what: string, given: string): string {
  const text = given.trim();
  if (text === "") throw permanent(name, `its ${what} is empty`);
  if (!/^[\x21-\x7e]+$/.test(text)) throw permanent(name, `its ${what} has characters that cannot be in one`);
  return text;
}
