import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { fakeBao } from "../../support/openbao/fake.ts";
import { isReal, openBao } from "../../support/openbao/open.ts";
import type { FakeBao } from "../../support/openbao/types.ts";
import { appRole, errorOf, fullPolicy, selfPolicy, tokenWith, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";

/** Counts the requests to a path. */
function countOf(bao: FakeBao, end: string): number {
  return bao.requests.filter(({ path }) => path.endsWith(end)).length;
}

describe("without a credential", () => {
  it("sends nothing, and the error says so", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao, { config: { auth: undefined as never } });
    expect((await errorOf(driver.read(ref))).message).toBe('secret backend "bao": it has no credential');
    expect(bao.requests).toEqual([]);
  });

  it.each(["", "  \n", "s.canary\nx: y", "s.canary é", "s.can ary"])(
    "refuses the token %j, and neither sends nor shows it (T14)",
    async (token) => {
      const bao = await fakeBao();
      const error = await errorOf(watch(bao, { credential: async () => token }).driver.read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toMatch(/its token (is empty|has characters that cannot be in one)$/);
      expect(bao.requests).toEqual([]);
    },
  );

  it("passes on the reason why the credential cannot be read", async () => {
    const bao = await fakeBao();
    for (const code of ["unavailable", "secret_unavailable"] as const) {
      const reason = new AppError(code, 'secret backend "default": the database does not answer');
      const error = await errorOf(watch(bao, { credential: () => Promise.reject(reason) }).driver.read(ref));
      expect(error.code).toBe(code);
      expect(error.message).toBe(
        'secret backend "bao": its credential cannot be read: secret backend "default": the database does not answer',
      );
    }
    const odd = watch(bao, { credential: () => Promise.reject(new Error("canary")) });
    expect((await errorOf(odd.driver.read(ref))).message).toBe(
      'secret backend "bao": its credential cannot be read',
    );
    expect(bao.requests).toEqual([]);
  });
});

describe("a login by token", () => {
  it("is one lookup for all requests, without the line break from pasting (T15)", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao, { credential: async () => `${bao.token}\n` });
    await Promise.all(Array.from({ length: 20 }, () => driver.read(ref)));
    await driver.list();
    expect(countOf(bao, "auth/token/lookup-self")).toBe(1);
  });

  it("with an invalid token is refused by the server once, and from memory for 30 seconds", async () => {
    const bao = await fakeBao();
    let token = "s.canarycanarycanary";
    const { driver, clock } = watch(bao, { credential: async () => token });
    const error = await errorOf(driver.read(ref));
    expect(error).toMatchObject({ code: "secret_unavailable" });
    expect(error.message).toBe('secret backend "bao": it does not accept the token');
    expect(Bun.inspect(error)).not.toContain("canary");
    for (let i = 0; i < 10; i++) await errorOf(driver.read(ref));
    expect(await driver.health()).toEqual({ status: "error", reason: error.message });
    expect(countOf(bao, "auth/token/lookup-self")).toBe(1);
    clock.now += 30_000;
    await errorOf(driver.read(ref));
    expect(countOf(bao, "auth/token/lookup-self")).toBe(2);
    token = bao.token;
    await errorOf(driver.read(ref));
    expect(countOf(bao, "auth/token/lookup-self")).toBe(2);
    driver.login.forget();
    expect(await driver.read(ref)).toBeNull();
  });

  it("uses the new token when the old one is revoked", async () => {
    const bao = await openBao();
    let token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch(bao, { credential: async () => token });
    await driver.write(ref, { k: "v" });
    await bao.call("POST", "auth/token/revoke", { token });
    token = await tokenWith(bao, fullPolicy(bao.mount));
    const read = await Promise.all(Array.from({ length: 5 }, () => driver.read(ref)));
    expect(read).toEqual(Array.from({ length: 5 }, () => ({ k: "v" })));
  });

  it("reports a revoked token if there is no new one, and sends nothing more", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch({ ...bao, token });
    await driver.read(ref);
    await bao.call("POST", "auth/token/revoke", { token });
    const before = bao.requests.length;
    const error = await errorOf(driver.read(ref));
    expect(error.message).toBe('secret backend "bao": it does not accept the token any more');
    const paths = bao.requests.slice(before).map(({ path }) => path);
    expect(paths).toEqual([`/v1/${bao.mount}/data/mcpctl/${ref}`, "/v1/auth/token/lookup-self"]);
    await errorOf(driver.read(ref));
    await errorOf(driver.write(ref, { k: "v" }));
    expect(bao.requests.length).toBe(before + 2);
  });

  it("looks a revoked token up once for all refused requests", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch({ ...bao, token });
    await driver.read(ref);
    await bao.call("POST", "auth/token/revoke", { token });
    const { promise: mayGo, resolve: go } = Promise.withResolvers<void>();
    bao.before = async ({ path, headers }) => {
      if (path.endsWith("lookup-self") && headers["x-vault-token"] === token) await mayGo;
      return undefined;
    };
    const reads = Promise.allSettled(Array.from({ length: 10 }, () => driver.read(ref)));
    await expect.poll(() => countOf(bao, `/data/mcpctl/${ref}`)).toBe(11);
    // Behind this answer all the others have come.
    await bao.call("GET", "sys/health");
    go();
    expect((await reads).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "rejected"));
    expect(countOf(bao, "auth/token/lookup-self")).toBe(2);
  });

  it("looks a token up once if it may not do something, and retries nothing", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, selfPolicy);
    const { driver, pauses } = watch({ ...bao, token });
    const before = bao.requests.length;
    await errorOf(driver.read(ref));
    expect(bao.requests.slice(before).map(({ path }) => path)).toEqual([
      "/v1/auth/token/lookup-self",
      `/v1/${bao.mount}/data/mcpctl/${ref}`,
      "/v1/auth/token/lookup-self",
    ]);
    expect(pauses).toEqual([]);
  });
});

describe("a login by AppRole", () => {
  it("is one login for all requests", async () => {
    const bao = await fakeBao();
    const { auth, secretId } = await appRole(bao);
    const { driver } = watch(bao, { config: { auth }, credential: async () => secretId });
    await Promise.all(Array.from({ length: 20 }, () => driver.read(ref)));
    expect(countOf(bao, `auth/${auth.mount}/login`)).toBe(1);
    expect(countOf(bao, "auth/token/lookup-self")).toBe(0);
  });

  it("reads and writes, is healthy, and is repeated when its token is revoked", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao);
    const { driver } = watch(bao, { config: { auth }, credential: async () => secretId });
    await driver.write(ref, { k: "v" });
    expect(await driver.health()).toEqual({ status: "healthy" });
    await bao.call("POST", `sys/leases/revoke-prefix/auth/${auth.mount}`, {});
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(await driver.list()).toEqual([ref]);
  });

  it("is repeated when its token has no uses left", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao, { token_num_uses: 2 });
    const { driver } = watch(bao, { config: { auth }, credential: async () => secretId });
    for (let i = 0; i < 6; i++) expect(await driver.read(ref)).toBeNull();
  });

  // The one in the support folder has no batch tokens.
  it.runIf(isReal)("logs in again before a batch token is over", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao, { token_type: "batch", token_ttl: "1000s" });
    let logins = 0;
    const { driver, clock, timers } = watch(bao, {
      config: { auth },
      async credential() {
        logins++;
        return secretId;
      },
    });
    await driver.read(ref);
    clock.now += 980_000;
    await driver.read(ref);
    expect(logins).toBe(1);
    clock.now += 15_000;
    await driver.read(ref);
    expect(logins).toBe(2);
    expect(timers).toEqual([]);
  });

  it("is reported once if it is refused", async () => {
    const bao = await openBao();
    const { auth } = await appRole(bao);
    let reads = 0;
    const credential = async () => {
      reads++;
      return "canary-secret-id";
    };
    const { driver } = watch(bao, { config: { auth }, credential });
    for (let i = 0; i < 3; i++) {
      const error = await errorOf(driver.read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toBe(
        `secret backend "bao": it does not accept the role id and secret id at "auth/${auth.mount}"`,
      );
      expect(Bun.inspect(error)).not.toMatch(/canary|roleId/);
    }
    expect(reads).toBe(1);
  });

  it("names the path if the auth method is not enabled", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao);
    const config = { auth: { ...auth, mount: "not/here" } };
    const error = await errorOf(watch(bao, { config, credential: async () => secretId }).driver.read(ref));
    expect(error.message).toContain('at "auth/not/here"');
    expect(error.hint).toContain("see that the auth method is enabled there");
  });
});

describe("a login by Kubernetes", () => {
  const auth = { method: "kubernetes", role: "mcpctl" } as const;
  const login = "/v1/auth/kubernetes/login";

  it("reads the service account's token again for each login", async () => {
    const bao = await fakeBao();
    const token = await tokenWith(bao, fullPolicy(bao.mount));
    bao.before = ({ path }) =>
      path === login
        ? Response.json({ auth: { client_token: token, lease_duration: 100, renewable: false } })
        : undefined;
    let turn = 0;
    const serviceAccountToken = async () => `jwt-${++turn}\n`;
    const { driver, clock } = watch(bao, { config: { auth }, serviceAccountToken });
    await driver.write(ref, { k: "v" });
    clock.now += 95_000;
    expect(await driver.read(ref)).toEqual({ k: "v" });
    const bodies = bao.requests.filter(({ path }) => path === login).map(({ body }) => body);
    expect(bodies).toEqual([
      { role: "mcpctl", jwt: "jwt-1" },
      { role: "mcpctl", jwt: "jwt-2" },
    ]);
  });

  it("is reported if it is refused, or if this is not a pod", async () => {
    const bao = await fakeBao();
    bao.before = ({ path }) =>
      path === login ? Response.json({ errors: ["permission denied"] }, { status: 403 }) : undefined;
    const inPod = watch(bao, { config: { auth }, serviceAccountToken: async () => "canary" });
    expect((await errorOf(inPod.driver.read(ref))).message).toBe(
      'secret backend "bao": it does not accept this service account for its role at "auth/kubernetes"',
    );
    const before = bao.requests.length;
    const outside = await errorOf(watch(bao, { config: { auth } }).driver.read(ref));
    expect(outside.message).toContain("no service account's token can be read from /var/run/secrets");
    expect(bao.requests.length).toBe(before);
  });
});

describe("a forgotten login", () => {
  it("serves only the requests that waited for it", async () => {
    const bao = await fakeBao();
    const [old, young] = [
      await tokenWith(bao, fullPolicy(bao.mount)),
      await tokenWith(bao, fullPolicy(bao.mount)),
    ];
    let token = old;
    const { driver, timers } = watch(bao, { credential: async () => token });
    const { promise: isAsked, resolve: tell } = Promise.withResolvers<void>();
    const { promise: mayGo, resolve: go } = Promise.withResolvers<void>();
    bao.before = async ({ path }) => {
      if (!path.endsWith("lookup-self")) return undefined;
      bao.before = undefined;
      tell();
      await mayGo;
      return undefined;
    };
    const early = driver.read(ref);
    await isAsked;
    token = young;
    driver.login.forget();
    go();
    await early;
    expect(timers).toEqual([]);
    await driver.read(ref);
    expect(timers).toHaveLength(1);
    const tokens = bao.requests
      .filter(({ path }) => path.includes("/data/"))
      .map((one) => one.headers["x-vault-token"]);
    expect(tokens).toEqual([old, young]);
  });
});
