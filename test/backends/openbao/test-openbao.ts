import { onTestFinished } from "vitest";
import { type OpenBaoOptions, openBaoDriver } from "../../../src/backends/openbao/driver.ts";
import type { LoginDriver } from "../../../src/backends/types.ts";
import { AppError } from "../../../src/errors.ts";
import type { OpenBaoConfig } from "../../../src/kinds/secret-backends/openbao.ts";
import { isReal } from "../../support/openbao/open.ts";
import type { TestBao } from "../../support/openbao/types.ts";

/** A driver with the pauses, timers and warnings that it asked for. */
export interface Watched {
  driver: LoginDriver;
  config: OpenBaoConfig;
  /** Pauses that the driver would have made, in milliseconds. */
  pauses: number[];
  /** Timers that are set and not cancelled. */
  timers: { ms: number; run: () => void }[];
  warnings: string[];
  clock: { now: number };
}

type Over = Partial<Omit<OpenBaoOptions, "config">> & { config?: Partial<OpenBaoConfig> };

export const byToken = { method: "token", tokenSecretRef: { name: "bao", key: "token" } } as const;

/** Opens a driver with the root token, whose pauses, timers, clock and random numbers the test controls. */
export function watch(
  bao: Pick<TestBao, "url" | "mount" | "token">,
  { config, ...over }: Over = {},
): Watched {
  const watched: Omit<Watched, "driver"> = {
    config: { url: bao.url, mount: bao.mount, pathPrefix: "mcpctl", auth: byToken, ...config },
    pauses: [],
    timers: [],
    warnings: [],
    clock: { now: 0 },
  };
  const driver = openBaoDriver({
    name: "bao",
    config: watched.config,
    credential: async () => bao.token,
    now: () => watched.clock.now,
    random: () => 1,
    pause: async (ms) => {
      watched.pauses.push(ms);
      watched.clock.now += ms;
    },
    schedule(run, ms) {
      const timer = { ms, run };
      watched.timers.push(timer);
      return () => {
        const index = watched.timers.indexOf(timer);
        if (index >= 0) watched.timers.splice(index, 1);
      };
    },
    onWarning: (text) => watched.warnings.push(text),
    ...over,
  });
  onTestFinished(() => driver.close?.());
  return { ...watched, driver };
}

/** Returns the AppError that a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    (value) => new Error(`it was not rejected: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (!(error instanceof AppError)) throw error;
  return error;
}

/** Returns a name that no other test uses. */
export function fresh(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Makes a token with a policy of its own. Both are deleted at the end of the test. */
export async function tokenWith(
  bao: TestBao,
  policy: string,
  parameters: Record<string, unknown> = {},
): Promise<string> {
  const name = fresh("test");
  await bao.call("POST", `sys/policies/acl/${name}`, { policy });
  const { body } = await bao.call("POST", "auth/token/create", {
    policies: [name],
    no_default_policy: true,
    ...parameters,
  });
  const token = body.auth.client_token as string;
  onTestFinished(async () => {
    if (parameters["type"] !== "batch") await bao.call("POST", "auth/token/revoke", { token });
    await bao.call("DELETE", `sys/policies/acl/${name}`);
  });
  return token;
}

/** The policy that a login by token needs. */
export const selfPolicy = `
  path "auth/token/lookup-self" { capabilities = ["read"] }
  path "auth/token/renew-self" { capabilities = ["update"] }
`;

/** Returns the policy that mcpctl needs in an engine. */
export function fullPolicy(mount: string): string {
  return `${selfPolicy}
    path "${mount}/data/mcpctl/*" { capabilities = ["create", "update", "read"] }
    path "${mount}/metadata/mcpctl/*" { capabilities = ["create", "update", "read", "list", "delete"] }
  `;
}

/** Makes an AppRole for one test. Returns its login and its secret id. */
export async function appRole(bao: TestBao, parameters: Record<string, unknown> = {}) {
  const mount = fresh("approle");
  const policy = fresh("test");
  await bao.call("POST", `sys/auth/${mount}`, { type: "approle" });
  await bao.call("POST", `sys/policies/acl/${policy}`, { policy: fullPolicy(bao.mount) });
  onTestFinished(async () => {
    if (isReal) await forgetEntities(bao, mount);
    await bao.call("DELETE", `sys/auth/${mount}`);
    await bao.call("DELETE", `sys/policies/acl/${policy}`);
  });
  const role = { token_policies: [policy], token_no_default_policy: true, token_ttl: "1h", ...parameters };
  await bao.call("POST", `auth/${mount}/role/mcpctl`, role);
  const { role_id: roleId } = (await bao.call("GET", `auth/${mount}/role/mcpctl/role-id`)).body.data;
  const { secret_id: secretId } = (await bao.call("POST", `auth/${mount}/role/mcpctl/secret-id`, {})).body
    .data;
  const secretIdRef = { name: "bao", key: "secret-id" };
  const auth = { method: "approle", mount, roleId: roleId as string, secretIdRef } as const;
  return { auth, secretId: secretId as string };
}

/** Deletes the entities of a login method: a real server keeps them after the method is gone. */
async function forgetEntities(bao: TestBao, mount: string): Promise<void> {
  const { accessor } = (await bao.call("GET", "sys/auth")).body.data[`${mount}/`];
  const { body } = await bao.call("GET", "identity/entity/id?list=true");
  const entities: Record<string, { aliases: { mount_accessor: string }[] }> = body?.data?.key_info ?? {};
  for (const [id, { aliases }] of Object.entries(entities))
    if (aliases?.some((alias) => alias.mount_accessor === accessor))
      await bao.call("DELETE", `identity/entity/id/${id}`);
}
