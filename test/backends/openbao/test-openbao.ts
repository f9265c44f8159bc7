import { onTestFinished } from "vitest";
import { type OpenBaoOptions, openBaoDriver } from "../../../src/backends/openbao/driver.ts";
import type { LoginDriver } from "../../../src/backends/types.ts";
import { AppError } from "../../../src/errors.ts";
import type { OpenBaoConfig } from "../../../src/kinds/secret-backends/openbao.ts";
import { isReal } from "../../support/openbao/open.ts";
import type { TestBao } from "../../support/openbao/types.ts";

/** What a test has of a driver besides its methods: what it would have waited for, and what it warned of. */
export interface Watched {
  driver: LoginDriver;
  config: OpenBaoConfig;
  /** Milliseconds. */
  pauses: number[];
  /** What is to be run later, and was not called off. */
  timers: { ms: number; run: () => void }[];
  warnings: string[];
  clock: { now: number };
}

type Over = Partial<Omit<OpenBaoOptions, "config">> & { config?: Partial<OpenBaoConfig> };

export const byToken = { method: "token", tokenSecretRef: { name: "bao", key: "token" } } as const;

/** A driver of an OpenBao, logged in with its root token, that waits for nothing and never by chance. */
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

/** What something is refused with. */
export async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    (value) => new Error(`it was not refused: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (!(error instanceof AppError)) throw error;
  return error;
}

/** A name that no other test uses. */
export function fresh(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}

/** A token with a policy of its own, which is gone when the test is over. */
export async function tokenWith(
  bao: TestBao,
  policy: string,
  wishes: Record<string, unknown> = {},
): Promise<string> {
  const name = fresh("test");
  await bao.call("POST", `sys/policies/acl/${name}`, { policy });
  const { body } = await bao.call("POST", "auth/token/create", {
    policies: [name],
    no_default_policy: true,
    ...wishes,
  });
  const token = body.auth.client_token as string;
  onTestFinished(async () => {
    if (wishes["type"] !== "batch") await bao.call("POST", "auth/token/revoke", { token });
    await bao.call("DELETE", `sys/policies/acl/${name}`);
  });
  return token;
}

/** What a token needs to be logged in with, and no more. */
export const selfPolicy = `
  path "auth/token/lookup-self" { capabilities = ["read"] }
  path "auth/token/renew-self" { capabilities = ["update"] }
`;

/** What mcpctl needs in an engine. */
export function fullPolicy(mount: string): string {
  return `${selfPolicy}
    path "${mount}/data/mcpctl/*" { capabilities = ["create", "update", "read"] }
    path "${mount}/metadata/mcpctl/*" { capabilities = ["create", "update", "read", "list", "delete"] }
  `;
}

/** An AppRole of the test's own, and what one logs in to it with. */
export async function appRole(bao: TestBao, wishes: Record<string, unknown> = {}) {
  const mount = fresh("approle");
  const policy = fresh("test");
  await bao.call("POST", `sys/auth/${mount}`, { type: "approle" });
  await bao.call("POST", `sys/policies/acl/${policy}`, { policy: fullPolicy(bao.mount) });
  onTestFinished(async () => {
    if (isReal) await forgetEntities(bao, mount);
    await bao.call("DELETE", `sys/auth/${mount}`);
    await bao.call("DELETE", `sys/policies/acl/${policy}`);
  });
  const role = { token_policies: [policy], token_no_default_policy: true, token_ttl: "1h", ...wishes };
  await bao.call("POST", `auth/${mount}/role/mcpctl`, role);
  const { role_id: roleId } = (await bao.call("GET", `auth/${mount}/role/mcpctl/role-id`)).body.data;
  const { secret_id: secretId } = (await bao.call("POST", `auth/${mount}/role/mcpctl/secret-id`, {})).body
    .data;
  const secretIdRef = { name: "bao", key: "secret-id" };
  const auth = { method: "approle", mount, roleId: roleId as string, secretIdRef } as const;
  return { auth, secretId: secretId as string };
}

/** A real server remembers who logged in, also when the method is gone. */
async function forgetEntities(bao: TestBao, mount: string): Promise<void> {
  const { accessor } = (await bao.call("GET", "sys/auth")).body.data[`${mount}/`];
  const { body } = await bao.call("GET", "identity/entity/id?list=true");
  const entities: Record<string, { aliases: { mount_accessor: string }[] }> = body?.data?.key_info ?? {};
  for (const [id, { aliases }] of Object.entries(entities))
    if (aliases?.some((alias) => alias.mount_accessor === accessor))
      await bao.call("DELETE", `identity/entity/id/${id}`);
}
