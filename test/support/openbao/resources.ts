import { onTestFinished } from "vitest";
import type { BaoResponse, TestBao } from "./types.ts";

/** Returns a name that nothing else has. */
export function ownName(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Makes a policy, which is deleted at the end of the test. Returns its name. */
export async function ownPolicy(bao: TestBao, text: string, namespace = ""): Promise<string> {
  const name = ownName("policy");
  const options = namespace === "" ? {} : { namespace };
  expectStatus(await bao.call("PUT", `sys/policies/acl/${name}`, { policy: text }, options), 204);
  onTestFinished(async () => void (await bao.call("DELETE", `sys/policies/acl/${name}`, undefined, options)));
  return name;
}

/** Makes a token, which is revoked at the end of the test. Returns the `auth` of the response. */
export async function ownToken(bao: TestBao, wishes: object, by = bao.token, at = "create") {
  const made = await bao.call("POST", `auth/token/${at}`, wishes, { token: by });
  expectStatus(made, 200);
  const { auth } = made.body;
  if (auth.token_type === "service")
    onTestFinished(
      async () => void (await bao.call("POST", "auth/token/revoke", { token: auth.client_token })),
    );
  return auth as { client_token: string; accessor: string } & Record<string, unknown>;
}

/** Makes a token with one policy. Returns the token. */
export async function tokenMay(bao: TestBao, policy: string, wishes: object = {}): Promise<string> {
  const policies = [await ownPolicy(bao, policy)];
  return (await ownToken(bao, { policies, no_default_policy: true, ttl: "1h", ...wishes })).client_token;
}

/** Makes a token role, which is deleted at the end of the test. Returns its name. */
export async function ownTokenRole(bao: TestBao, wishes: object): Promise<string> {
  const name = ownName("role");
  expectStatus(await bao.call("POST", `auth/token/roles/${name}`, wishes), 204);
  onTestFinished(async () => void (await bao.call("DELETE", `auth/token/roles/${name}`)));
  return name;
}

/** Mounts another engine, which is removed at the end of the test. Returns its name. */
export async function ownMount(bao: TestBao, body: object): Promise<string> {
  const name = ownName("engine");
  expectStatus(await bao.call("POST", `sys/mounts/${name}`, body), 204);
  onTestFinished(async () => void (await bao.call("DELETE", `sys/mounts/${name}`)));
  return name;
}

/** Enables an auth method, which is removed at the end of the test. Returns its path: `auth/approle-1a2b3c4d`. */
export async function ownAuth(bao: TestBao, type: "approle" | "kubernetes"): Promise<string> {
  const name = ownName(type);
  expectStatus(await bao.call("POST", `sys/auth/${name}`, { type }), 204);
  onTestFinished(async () => void (await bao.call("DELETE", `sys/auth/${name}`)));
  return `auth/${name}`;
}

/** Makes a namespace, which is deleted at the end of the test. Returns its name. */
export async function ownNamespace(bao: TestBao): Promise<string> {
  const name = ownName("namespace");
  expectStatus(await bao.call("POST", `sys/namespaces/${name}`, {}), 200);
  onTestFinished(async () => void (await bao.call("DELETE", `sys/namespaces/${name}`)));
  return name;
}

function expectStatus({ status, body }: BaoResponse, expected: number): void {
  if (status !== expected) throw new Error(`${status} instead of ${expected}: ${JSON.stringify(body)}`);
}
