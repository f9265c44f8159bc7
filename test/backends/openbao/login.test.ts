import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { fakeBao } from "../../support/openbao/fake.ts";
import { isReal, openBao } from "../../support/openbao/open.ts";
import type { FakeBao } from "../../support/openbao/types.ts";
import { appRole, errorOf, fullPolicy, selfPolicy, tokenWith, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";

/** How often a path was asked for. */
function asked(bao: FakeBao, end: string): number {
  return bao.requests.filter(({ path }) => path.endsWith(end)).length;
}

describe("without a credential", () => {
  it("nothing is sent, and it says so", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao, { config: { auth: undefined as never } });
    expect((await errorOf(driver.read(ref))).message).toBe('secret backend "bao": it has no credential');
    expect(bao.requests).toEqual([]);
  });

  it.each(["", "  \n", "s.canary\nx: y", "s.canary é", "s.can ary"])(
    "a token %j is refused, not sent and not shown (T14)",
    async (token) => {
      const bao = await fakeBao();
      const error = await errorOf(watch(bao, { credential: async () => token }).driver.read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toMatch(/its token (is empty|has characters that cannot be in one)$/);
      expect(bao.requests).toEqual([]);
    },
  );

  it("the reason why it cannot be read is passed on", async () => {
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

describe("by token", () => {
  it("is one look-up for all, with a line end from pasting left out (T15)", async () => {
    const bao = await fakeBao();
    const { driver } = watch(bao, { credential: async () => `${bao.token}\n` });
    await Promise.all(Array.from({ length: 20 }, () => driver.read(ref)));
    await driver.list();
    expect(asked(bao, "auth/token/lookup-self")).toBe(1);
  });

  it("that is no good is refused once, then from memory for half a minute", async () => {
    const bao = await fakeBao();
    let token = "s.canarycanarycanary";
    const { driver, clock } = watch(bao, { credential: async () => token });
    const error = await errorOf(driver.read(ref));
    expect(error).toMatchObject({ code: "secret_unavailable" });
    expect(error.message).toBe('secret backend "bao": it does not accept the token');
    expect(Bun.inspect(error)).not.toContain("canary");
    for (let i = 0; i < 10; i++) await errorOf(driver.read(ref));
    expect(await driver.health()).toEqual({ status: "error", reason: error.message });
    expect(asked(bao, "auth/token/lookup-self")).toBe(1);
    clock.now += 30_000;
    await errorOf(driver.read(ref));
    expect(asked(bao, "auth/token/lookup-self")).toBe(2);
    token = bao.token;
    await errorOf(driver.read(ref));
    expect(asked(bao, "auth/token/lookup-self")).toBe(2);
    driver.login.forget();
    expect(await driver.read(ref)).toBeNull();
  });

  it("goes on with the new one when the old one is revoked", async () => {
    const bao = await openBao();
    let token = await tokenWith(bao, fullPolicy(bao.mount));
    const { driver } = watch(bao, { credential: async () => token });
    await driver.write(ref, { k: "v" });
    await bao.call("POST", "auth/token/revoke", { token });
    token = await tokenWith(bao, fullPolicy(bao.mount));
    const read = await Promise.all(Array.from({ length: 5 }, () => driver.read(ref)));
    expect(read).toEqual(Array.from({ length: 5 }, () => ({ k: "v" })));
  });

  it("says that it is revoked when there is no new one, and asks no more", async () => {
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

  it("that is revoked is looked up once for all who are refused", async () => {
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
    await expect.poll(() => asked(bao, `/data/mcpctl/${ref}`)).toBe(11);
    // Behind this answer all the others have come.
    await bao.call("GET", "sys/health");
    go();
    expect((await reads).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "rejected"));
    expect(asked(bao, "auth/token/lookup-self")).toBe(2);
  });

  it("that may not do something is looked up once, and nothing is tried again", async () => {
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

describe("by AppRole", () => {
  it("is one login for all", async () => {
    const bao = await fakeBao();
    const { auth, secretId } = await appRole(bao);
    const { driver } = watch(bao, { config: { auth }, credential: async () => secretId });
    await Promise.all(Array.from({ length: 20 }, () => driver.read(ref)));
    expect(asked(bao, `auth/${auth.mount}/login`)).toBe(1);
    expect(asked(bao, "auth/token/lookup-self")).toBe(0);
  });

  it("reads and writes, is well, and logs in again when its token is revoked", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao);
    const { driver } = watch(bao, { config: { auth }, credential: async () => secretId });
    await driver.write(ref, { k: "v" });
    expect(await driver.health()).toEqual({ status: "healthy" });
    await bao.call("POST", `sys/leases/revoke-prefix/auth/${auth.mount}`, {});
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(await driver.list()).toEqual([ref]);
  });

  it("logs in again when its token has been used as often as it may be", async () => {
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

  it("that is refused says so, once", async () => {
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

  it("where none is enabled names the path", async () => {
    const bao = await openBao();
    const { auth, secretId } = await appRole(bao);
    const config = { auth: { ...auth, mount: "not/here" } };
    const error = await errorOf(watch(bao, { config, credential: async () => secretId }).driver.read(ref));
    expect(error.message).toContain('at "auth/not/here"');
    expect(error.hint).toContain("see that the auth method is enabled there");
  });
});

describe("by Kubernetes", () => {
  const auth = { method: "kubernetes", role: "mcpctl" } as const;
  const login = "/v1/auth/kubernetes/login";

  it("sends the service account's token as it is at each login", async () => {
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

  it("that is refused, or outside a pod, says so", async () => {
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

describe("a login that is forgotten", () => {
  it("while it is under way serves who waited for it, and nobody else", async () => {
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
