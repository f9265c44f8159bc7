import { describe, expect, it, onTestFinished } from "vitest";
import { type BaoSetUp, setUpOpenBao } from "../../../src/backends/openbao/set-up.ts";
import { AppError } from "../../../src/errors.ts";
import { fakeBao } from "../../support/openbao/fake.ts";
import { isReal, openBao } from "../../support/openbao/open.ts";
import type { TestBao } from "../../support/openbao/types.ts";
import { errorOf, fresh, fullPolicy, selfPolicy, tokenWith, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";

/** Sets up a backend with a unique name. Its policy, role and tokens are deleted at the end of the test. */
async function setUp(bao: TestBao, over: Partial<Parameters<typeof setUpOpenBao>[0]> = {}) {
  const name = over.name ?? fresh("bao");
  onTestFinished(async () => {
    await bao.call("POST", `sys/leases/revoke-prefix/auth/token/create/mcpctl-${name}`, {});
    await bao.call("DELETE", `auth/token/roles/mcpctl-${name}`);
    await bao.call("DELETE", `sys/policies/acl/mcpctl-${name}`);
  });
  const config = { url: bao.url, mount: bao.mount, pathPrefix: "mcpctl" };
  const made: BaoSetUp = await setUpOpenBao({ name, config, adminToken: bao.token, ...over });
  return { name, config, ...made };
}

/** True if no folder and no value of a proof is left. */
async function isClean(bao: TestBao): Promise<boolean> {
  return (await bao.call("GET", `${bao.mount}/metadata/mcpctl/?list=true`)).status === 404;
}

describe("the set-up", () => {
  it("gives out a periodic orphan token for the folder alone", async () => {
    const bao = await openBao();
    const { name, token, policy, role } = await setUp(bao);
    expect([policy, role]).toEqual([`mcpctl-${name}`, `mcpctl-${name}`]);
    const { body } = await bao.call("POST", "auth/token/lookup", { token });
    const month = 30 * 24 * 3600;
    expect(body.data).toMatchObject({
      orphan: true,
      explicit_max_ttl: 0,
      creation_ttl: month,
      renewable: true,
      policies: [policy],
      role,
    });
    const made = (await bao.call("GET", `auth/token/roles/${role}`)).body.data;
    expect(made).toMatchObject({ token_period: month, token_no_default_policy: true });
    expect(await isClean(bao)).toBe(true);

    const { driver } = watch({ ...bao, token });
    await driver.write(ref, { k: "v" });
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(await driver.list()).toEqual([ref]);
    expect(await driver.health()).toEqual({ status: "healthy" });
    await driver.delete(ref);
    for (const path of [
      `${bao.mount}/data/other/x`,
      `${bao.mount}/metadata/?list=true`,
      "sys/policies/acl/default",
    ])
      expect((await bao.call("GET", path, undefined, { token })).status, path).toBe(403);
    expect((await bao.call("POST", `${bao.mount}/data/mcpctlx`, { data: {} }, { token })).status).toBe(403);
    expect((await bao.call("POST", "auth/token/create", {}, { token })).status).toBe(403);
  });

  it("can be repeated", async () => {
    const bao = await openBao();
    const first = await setUp(bao, { name: fresh("bao.eu") });
    const limits = { token_num_uses: 3, token_explicit_max_ttl: "1h" };
    await bao.call("POST", `auth/token/roles/${first.role}`, limits);
    const second = await setUp(bao, { name: first.name });
    expect(second.token).not.toBe(first.token);
    for (const { token } of [first, second])
      expect(await watch({ ...bao, token }).driver.health()).toEqual({ status: "healthy" });
  });

  it("refuses if its policy exists with other rules", async () => {
    const bao = await openBao();
    const name = fresh("bao");
    await setUp(bao, { name });
    const path = `sys/policies/acl/mcpctl-${name}`;
    const before = await bao.call("GET", path);
    const config = { url: bao.url, mount: bao.mount, pathPrefix: "another" };
    const error = await errorOf(setUpOpenBao({ name, config, adminToken: bao.token }));
    expect(error).toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("already that says something else"),
    });
    expect((await bao.call("GET", path)).body.data).toEqual(before.body.data);
  });

  it("works in a namespace", async () => {
    const bao = await openBao();
    const namespace = `ns-${bao.mount}`;
    await bao.call("POST", `sys/namespaces/${namespace}`);
    try {
      await bao.call("POST", "sys/mounts/kv", { type: "kv", options: { version: "2" } }, { namespace });
      const config = { url: bao.url, mount: "kv", pathPrefix: "mcpctl", namespace };
      const { token } = await setUpOpenBao({ name: "bao", config, adminToken: bao.token });
      const { driver } = watch({ ...bao, token }, { config });
      await driver.write(ref, { k: "v" });
      expect(await driver.read(ref)).toEqual({ k: "v" });
      await driver.delete(ref);
      await driver.login.revoke(token);
      await bao.call("DELETE", "sys/mounts/kv", undefined, { namespace });
    } finally {
      await bao.call("DELETE", `sys/namespaces/${namespace}`);
    }
  });

  it("names the step that the admin token may not do, and never the token (T20, T28)", async () => {
    const bao = await openBao();
    const name = fresh("bao");
    const policyPath = `sys/policies/acl/mcpctl-${name}`;
    const rolePath = `auth/token/roles/mcpctl-${name}`;
    const createPath = `auth/token/create/mcpctl-${name}`;
    const may = (path: string, more = "") =>
      `path "${path}" { capabilities = [${more}"create", "update"] }\n`;
    const mayWrite = may(policyPath, '"read", ');
    const steps: [policy: string, path: string, message: string, needs: string][] = [
      ["", policyPath, "may not read and write policies", '"read", "create", "update"'],
      [
        `path "${policyPath}" { capabilities = ["read"] }\n`,
        policyPath,
        "may not write the policy",
        '"create", "update"',
      ],
      [mayWrite, rolePath, "may not write the token role", '"create", "update"'],
      [mayWrite + may(rolePath), createPath, "may not make a token by the token role", '"update"'],
    ];
    for (const [rules, path, words, needs] of steps) {
      const adminToken = await tokenWith(bao, fullPolicy(bao.mount) + rules);
      const error = await errorOf(setUp(bao, { name, adminToken }));
      expect(error).toMatchObject({
        code: "invalid_request",
        message: `secret backend "${name}": the admin token ${words}`,
        hint: `it needs: path "${path}" { capabilities = [${needs}] }`,
      });
      expect(Bun.inspect(error)).not.toContain(adminToken);
    }
    const rules = mayWrite + may(rolePath) + may(createPath);
    const adminToken = await tokenWith(bao, fullPolicy(bao.mount) + rules);
    const { token } = await setUp(bao, { name, adminToken });
    await bao.call("POST", "auth/token/revoke", { token: adminToken });
    expect(await watch({ ...bao, token }).driver.health()).toEqual({ status: "healthy" });
  });

  it.each(["s.canarycanarycanarycanary", "", "s.canary\r\nx: y"])(
    "refuses the admin token %j",
    async (adminToken) => {
      const bao = await openBao();
      const error = await errorOf(setUp(bao, { adminToken }));
      expect(error.code).toBe("invalid_request");
      expect(error.message).toMatch(/the admin token is not a token$|it does not accept the admin token$/);
      expect(Bun.inspect(error)).not.toContain("canary");
    },
  );

  it("writes nothing if the engine cannot be used", async () => {
    const bao = await fakeBao();
    const config = { url: bao.url, mount: "not-here", pathPrefix: "mcpctl" };
    const error = await errorOf(setUpOpenBao({ name: "bao", config, adminToken: bao.token }));
    expect(error.message).toBe('secret backend "bao": there is no engine at "not-here"');
    expect(bao.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("revokes the new token if it does not work", async () => {
    const bao = await fakeBao();
    let minted = "";
    bao.before = ({ method, path, headers }) => {
      if (method !== "GET" || !path.includes("/data/mcpctl/")) return undefined;
      minted = headers["x-vault-token"]!;
      return Response.json({ errors: ["permission denied"] }, { status: 403 });
    };
    expect((await errorOf(setUp(bao))).message).toContain("permission denied: its policy lacks read");
    bao.before = undefined;
    expect(minted).not.toBe("");
    expect((await bao.call("GET", "auth/token/lookup-self", undefined, { token: minted })).status).toBe(403);
    expect(await isClean(bao)).toBe(true);
  });
});

describe("a new token", () => {
  it("is like the old one, and works after the old one is revoked", async () => {
    const bao = await openBao();
    const { token: old, policy, role } = await setUp(bao);
    let token = old;
    const { driver } = watch(bao, { credential: async () => token });
    await driver.write(ref, { k: "v" });
    const minted = await driver.login.mint();
    await driver.login.prove(minted);
    const { body } = await bao.call("POST", "auth/token/lookup", { token: minted });
    expect(body.data).toMatchObject({ orphan: true, policies: [policy], role, renewable: true });
    token = minted;
    driver.login.forget();
    await driver.login.revoke(old);
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect((await bao.call("GET", "auth/token/lookup-self", undefined, { token: old })).status).toBe(403);
    await driver.login.revoke(old);
    const again = await driver.login.mint();
    await driver.login.revoke(minted);
    token = again;
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(await driver.list()).toEqual([ref]);
  });

  it("is proved by a write, a read and a delete, which leave nothing behind", async () => {
    const bao = await openBao();
    const { driver } = watch(bao);
    await expect(driver.login.prove(bao.token)).resolves.toBeUndefined();
    const reader = await tokenWith(
      bao,
      `${selfPolicy} path "${bao.mount}/data/mcpctl/*" { capabilities = ["read"] }`,
    );
    expect((await errorOf(driver.login.prove(reader))).message).toContain("permission denied");
    const noDelete = fullPolicy(bao.mount).replace(', "delete"', "");
    const error = await errorOf(driver.login.prove(await tokenWith(bao, noDelete)));
    expect(error.message).toContain(`its policy lacks delete on ${bao.mount}/metadata/mcpctl/*`);
    for (const ref of await driver.list()) await driver.delete(ref);
    const bad = await errorOf(driver.login.prove("s.canarycanarycanary"));
    expect(bad.message).toBe('secret backend "bao": it does not accept the token');
    expect(await isClean(bao)).toBe(true);
  });

  it("is waited for if another node does not know it yet", async () => {
    const bao = await fakeBao();
    const { driver, pauses } = watch(bao);
    let asked = 0;
    bao.before = ({ path }) =>
      path.endsWith("lookup-self") && asked++ < 2
        ? Response.json({ errors: ["permission denied"] }, { status: 403 })
        : undefined;
    await driver.login.prove(bao.token);
    expect(pauses).toEqual([200, 200]);
  });

  it("cannot be made if no token role made the old one", async () => {
    const bao = await openBao();
    const error = await errorOf(watch(bao).driver.login.mint());
    expect(error.code).toBe("not_supported");
    expect(error.message).toContain("its token was not made by a token role");
  });

  it("cannot be made by a token whose uses are counted, or by a batch token", async () => {
    const bao = await openBao();
    const { name, role } = await setUp(bao);
    const kinds = isReal ? [{ num_uses: 10 }, { type: "batch" }] : [{ num_uses: 10 }];
    for (const kind of kinds) {
      // A role that gives out batch tokens may have no period.
      await bao.call("POST", `auth/token/roles/${role}`, { token_type: "default-service", token_period: 0 });
      const { body } = await bao.call("POST", `auth/token/create/${role}`, kind);
      const { driver } = watch({ ...bao, token: body.auth.client_token });
      expect(await errorOf(driver.login.mint()), name).toMatchObject({
        code: "not_supported",
        message: 'secret backend "bao": a batch token, or one that counts its uses, can make no other',
      });
      if (!("type" in kind)) continue;
      const error = await errorOf(driver.login.revoke(body.auth.client_token));
      expect(error.message).toBe('secret backend "bao": a batch token cannot be revoked');
    }
  });

  it("cannot be made for another login method", async () => {
    const auth = { method: "kubernetes", role: "mcpctl" } as const;
    const bao = await fakeBao();
    const error = await errorOf(watch(bao, { config: { auth } }).driver.login.mint());
    expect(error).toMatchObject({ code: "not_supported" });
    expect(bao.requests).toEqual([]);
  });

  it("is revoked if it would expire with the old one", async () => {
    const bao = await openBao();
    const { token, role } = await setUp(bao);
    await bao.call("POST", `auth/token/roles/${role}`, { orphan: false });
    const error = await errorOf(watch({ ...bao, token }).driver.login.mint());
    expect(error).toMatchObject({
      code: "not_supported",
      hint: `bao write auth/token/roles/${role} orphan=true`,
    });
    const accessors = (await bao.call("GET", "auth/token/accessors/?list=true")).body.data.keys as string[];
    const children = [];
    for (const accessor of accessors) {
      const { body } = await bao.call("POST", "auth/token/lookup-accessor", { accessor });
      if (body?.data?.role === role && body.data.orphan === false) children.push(accessor);
    }
    expect(children).toEqual([]);
  });

  it("cannot be made if the role is deleted, or may not be used", async () => {
    const bao = await openBao();
    const { token, role, policy } = await setUp(bao);
    const { driver } = watch({ ...bao, token });
    await bao.call("DELETE", `auth/token/roles/${role}`);
    expect((await errorOf(driver.login.mint())).message).toBe(
      'secret backend "bao": the token role that made its token is gone',
    );
    await bao.call("POST", `sys/policies/acl/${policy}`, { policy: fullPolicy(bao.mount) });
    const error = await errorOf(driver.login.mint());
    expect(error).toBeInstanceOf(AppError);
    expect(error.message).toBe(
      `secret backend "bao": permission denied: its policy lacks update on auth/token/create/${role}`,
    );
  });
});
