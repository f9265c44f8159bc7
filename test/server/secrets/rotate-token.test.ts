import { describe, expect, it } from "vitest";
import type { ServerOptions } from "../../../src/server/options.ts";
import { openHeldStore } from "../../support/held-store.ts";
import { fakeBao, openBao } from "../../support/openbao/open.ts";
import type { FakeBao, TestBao } from "../../support/openbao/types.ts";
import { must, testServer } from "../../support/server.ts";

const backends = "/api/v1/secretbackends";
const day = 24 * 60 * 60 * 1000;

/** Starts a server with a backend `bao-…` that the wizard has set up, so that its token can be replaced. */
async function startWithWizard(bao: TestBao, options: Partial<ServerOptions> = {}) {
  const server = await testServer(options);
  const name = `bao-${crypto.randomUUID().slice(0, 8)}`;
  const config = { url: bao.url, mount: bao.mount };
  const wish = { name, config, adminToken: bao.token };
  const { body } = await must(server.admin("POST", `${backends}/wizard`, wish));
  const rotate = () => server.admin("POST", `${backends}/${name}/rotate`);
  const token = async () =>
    (await must(server.admin("GET", `/api/v1/secrets/${name}-token?reveal=true`))).body.data.token as string;
  const shown = async () => (await must(server.admin("GET", `${backends}/${name}`))).body;
  const cleanUp = async () => {
    await bao.call("DELETE", `auth/token/roles/${body.role}`);
    await bao.call("DELETE", `sys/policies/acl/${body.policy}`);
    await bao.call("POST", "auth/token/revoke", { token: await token() });
  };
  return { server, name, made: body, rotate, token, shown, cleanUp };
}

async function works(bao: TestBao, token: string): Promise<boolean> {
  return (await bao.call("GET", "auth/token/lookup-self", undefined, { token })).status === 200;
}

describe("the wizard", () => {
  it("makes a policy, a role, a secret with a token and a working backend, and does not store the admin token", async () => {
    const bao = await openBao();
    const { server, name, made, token, shown, cleanUp } = await startWithWizard(bao);
    expect(made).toMatchObject({
      backend: { name, type: "openbao", isDefault: false },
      policy: `mcpctl-${name}`,
      role: `mcpctl-${name}`,
      secret: `${name}-token`,
    });
    expect(made.backend.config.auth).toEqual({
      method: "token",
      tokenSecretRef: { name: `${name}-token`, key: "token" },
    });
    expect(await shown()).toMatchObject({
      health: { status: "healthy" },
      rotation: { rotatedAt: expect.any(String), failedAt: null },
    });
    const { data } = (await bao.call("GET", "auth/token/lookup-self", undefined, { token: await token() }))
      .body;
    expect(data).toMatchObject({ policies: [`mcpctl-${name}`], orphan: true, renewable: true });
    expect(data.ttl).toBeGreaterThan(29.9 * 24 * 60 * 60);
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v" }, backend: name }));
    expect((await server.admin("GET", "/api/v1/secrets/s?reveal=true")).body.data).toEqual({ k: "v" });
    const everything = [
      (await server.admin("GET", "/api/v1/audit?limit=1000")).text,
      (await server.admin("GET", backends)).text,
      ...server.logged,
    ];
    expect(JSON.stringify([made, everything])).not.toContain(await token());
    expect((await server.admin("DELETE", "/api/v1/secrets/s")).status).toBe(204);
    await cleanUp();
  });

  it.each([
    [{ config: {} }, 400, "config.url: is required"],
    [{ config: { url: "http://bao.example.org" } }, 400, "must be https"],
    [{ config: { url: "http://169.254.169.254" } }, 400, "link-local"],
    [{ config: { url: "http://127.0.0.1:1", auth: { method: "token" } } }, 400, "leave it out"],
    [{ config: { url: "http://127.0.0.1:1" }, name: "Bao" }, 400, "name"],
    [{ config: { url: "http://127.0.0.1:1" }, adminToken: "a\nb" }, 400, "adminToken"],
    [{ config: { url: "http://127.0.0.1:1" }, token: "x" }, 400, "unknown field"],
    [{ config: { url: "http://127.0.0.1:1" }, name: "default" }, 409, "already"],
    [{ config: { url: "http://127.0.0.1:1" } }, 503, "refused"],
  ])("refuses %j, leaves nothing behind, and sends no token", async (more, status, message) => {
    const server = await testServer();
    const wish = { name: "bao", adminToken: "s.admin-0123456789", ...more };
    const answer = await server.admin("POST", `${backends}/wizard`, wish);
    expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(message)]);
    expect(answer.text).not.toContain("s.admin");
    expect((await server.admin("GET", backends)).body).toHaveLength(1);
    expect((await server.admin("GET", "/api/v1/secrets")).body).toEqual([]);
  });

  it("needs the operation, and permission to create the secret and the backend", async () => {
    const bao = await fakeBao();
    const server = await testServer();
    const wish = { name: "bao", config: { url: bao.url }, adminToken: bao.token };
    const operator = { role: "run", action: "rotate-secretbackend" };
    const makers = ["secretbackends", "secrets"].map((resource) => ({ role: "create", resource }));
    const expose = { role: "expose", resource: "secrets" };
    for (const [i, grants] of [
      [...makers, expose],
      [operator],
      [operator, makers[0]!],
      [operator, ...makers],
    ].entries()) {
      const { call } = await server.token(`t${i}`, grants);
      expect((await call("POST", `${backends}/wizard`, wish)).status).toBe(403);
    }
    expect(bao.requests).toEqual([]);
    const { call } = await server.token("enough", [operator, ...makers, expose]);
    expect((await call("POST", `${backends}/wizard`, wish)).status).toBe(201);
  });

  it("makes the missing parts if it is run again after an interruption", async () => {
    const bao = await fakeBao();
    const server = await testServer();
    // The state after a crash between the two steps.
    await must(server.admin("POST", "/api/v1/secrets", { name: "bao-token", data: { token: "left" } }));
    const wish = { name: "bao", config: { url: bao.url }, adminToken: bao.token };
    expect((await server.admin("POST", `${backends}/wizard`, wish)).status).toBe(201);
    expect((await server.admin("POST", `${backends}/wizard`, wish)).body.code).toBe("name_taken");
    const { body } = await must(server.admin("GET", "/api/v1/secrets/bao-token?reveal=true"));
    expect(await works(bao, body.data.token)).toBe(true);
  });

  it("revokes its token if the backend cannot be created", async () => {
    const bao = await fakeBao();
    const server = await testServer();
    const wish = { name: "bao", config: { url: bao.url }, adminToken: bao.token };
    let minted = "";
    bao.after = async ({ path }) => {
      // Another caller creates a backend of that name first.
      if (path.includes("/metadata/mcpctl/proof/") && minted === "") {
        minted = "made";
        await server.admin("POST", backends, { name: "bao", type: "plaintext" });
      }
      return undefined;
    };
    expect((await server.admin("POST", `${backends}/wizard`, wish)).body.code).toBe("name_taken");
    const accessors = await bao.call("GET", "auth/token/accessors/?list=true");
    expect(accessors.body.data.keys).toHaveLength(1);
  });
});

describe("rotating a backend's token", () => {
  it("makes, proves and stores a new token, and revokes the old one, while calls go on", async () => {
    const bao = await openBao();
    const { server, rotate, token, shown, cleanUp, name } = await startWithWizard(bao);
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v" }, backend: name }));
    const old = await token();
    const before = (await shown()).rotation.rotatedAt;
    const { status, body } = await rotate();
    expect([status, body]).toEqual([200, { name, rotatedAt: expect.any(String) }]);
    const next = await token();
    expect(next).not.toBe(old);
    expect([await works(bao, old), await works(bao, next)]).toEqual([false, true]);
    expect((await shown()).rotation.rotatedAt > before).toBe(true);
    expect((await shown()).health.status).toBe("healthy");
    await must(server.admin("PUT", "/api/v1/secrets/s", { data: { k: "v2" } }));
    const { text } = await must(server.admin("GET", "/api/v1/audit?action=rotate"));
    expect(JSON.parse(text)).toMatchObject([{ user: "admin", detail: { kind: "secretbackend", name } }, {}]);
    for (const one of [old, next]) expect(JSON.stringify([text, body, server.logged])).not.toContain(one);
    await must(server.admin("DELETE", "/api/v1/secrets/s"));
    await cleanUp();
  });

  it("is refused if there is no token to replace", async () => {
    const bao = await fakeBao();
    const server = await testServer();
    const auth = { tokenSecretRef: { name: "t", key: "token" } };
    await must(server.admin("POST", "/api/v1/secrets", { name: "t", data: { token: bao.token } }));
    await must(
      server.admin("POST", backends, { name: "root", type: "openbao", config: { url: bao.url, auth } }),
    );
    const kubernetes = { url: bao.url, auth: { method: "kubernetes", role: "r" } };
    await must(server.admin("POST", backends, { name: "pod", type: "openbao", config: kubernetes }));
    for (const [name, status, why] of [
      ["default", 501, "does not log in with a token"],
      ["pod", 501, "does not log in with a token"],
      ["root", 501, "not made by a token role"],
      ["nope", 404, "not found"],
    ] as const) {
      const answer = await server.admin("POST", `${backends}/${name}/rotate`);
      expect([name, answer.status, answer.body.error]).toEqual([name, status, expect.stringContaining(why)]);
    }
    expect((await server.admin("GET", `${backends}/root`)).body.rotation).toBeNull();
    const editor = await server.token("editor", [{ role: "edit", resource: "*" }]);
    expect((await editor.call("POST", `${backends}/root/rotate`)).status).toBe(403);
  });

  /** Failing steps, each with the request that fails. */
  const faults: [string, string, RegExp][] = [
    ["minting", "POST", /auth\/token\/create\//],
    ["looking the new token up", "GET", /auth\/token\/lookup-self$/],
    ["the write of the proof", "POST", /\/data\/mcpctl\/proof/],
    ["the read of the proof", "GET", /\/data\/mcpctl\/proof/],
    ["the delete of the proof", "DELETE", /\/metadata\/mcpctl\/proof/],
  ];
  it.each(faults)("keeps the old token if %s fails, and shows the reason", async (_, method, path) => {
    const bao = await fakeBao();
    const { rotate, token, shown, name } = await startWithWizard(bao);
    const old = await token();
    const accessors = await tokenCount(bao);
    bao.before = (request) =>
      request.method === method && path.test(request.path)
        ? new Response('{"errors":["1 error occurred:\\n\\t* canary-text\\n\\n"]}', { status: 400 })
        : undefined;
    const { status, text } = await rotate();
    expect(status).toBeGreaterThanOrEqual(500);
    expect(text).not.toContain("canary-text");
    bao.before = undefined;
    expect(await token()).toBe(old);
    expect(await works(bao, old)).toBe(true);
    expect(await tokenCount(bao)).toBe(accessors);
    const { health, rotation } = await shown();
    expect(rotation).toEqual({
      rotatedAt: expect.any(String),
      failedAt: expect.any(String),
      reason: expect.not.stringContaining(name),
    });
    expect(health).toMatchObject({
      status: "warning",
      reason: expect.stringContaining("its token could not be replaced"),
    });
    expect((await rotate()).status).toBe(200);
    expect((await shown()).health.status).toBe("healthy");
  });

  it("uses the new token with a warning if the old one cannot be revoked", async () => {
    const bao = await fakeBao();
    const { rotate, token } = await startWithWizard(bao);
    const old = await token();
    bao.before = ({ path }) =>
      path.endsWith("/revoke-self") ? new Response("{}", { status: 500 }) : undefined;
    const { status, body } = await rotate();
    expect([status, body.warning]).toEqual([200, expect.stringContaining("could not be revoked")]);
    expect(await token()).not.toBe(old);
  });

  it("happens once a day, and an hour after a failure", async () => {
    const bao = await fakeBao();
    let now = Date.now();
    const { server, token, shown } = await startWithWizard(bao, { now: () => now, tick: 5 });
    const first = await token();
    now += day - 1;
    const asked = server.logged.length;
    await expect.poll(async () => (await shown()).health.status).toBe("healthy");
    expect(await token()).toBe(first);
    bao.before = ({ path }) =>
      path.includes("/token/create/") ? new Response("{}", { status: 400 }) : undefined;
    // Servers that share a database begin up to two hours apart.
    now += 2 * 60 * 60 * 1000;
    await expect.poll(async () => (await shown()).rotation.failedAt).not.toBeNull();
    expect(await token()).toBe(first);
    expect(server.logged.slice(asked).join()).toContain('secret backend "bao-');
    bao.before = undefined;
    now += 60 * 60 * 1000;
    await expect.poll(token).not.toBe(first);
    expect((await shown()).rotation.failedAt).toBeNull();
    const { body } = await must(server.admin("GET", "/api/v1/audit?action=rotate"));
    expect(body[0].user).toBeNull();
  });

  it("happens at once when the clock was set back by days, and then once a day again (T91)", async () => {
    const bao = await fakeBao();
    let now = Date.now();
    const { token, shown } = await startWithWizard(bao, { now: () => now, tick: 5 });
    const first = await token();
    now -= 3 * day;
    await expect.poll(token).not.toBe(first);
    const { rotatedAt } = (await shown()).rotation;
    expect(Date.parse(rotatedAt)).toBe(now);
  });

  it("checks the health of a backend again after the clock was set back (T91)", async () => {
    const bao = await fakeBao();
    let now = Date.now();
    const { shown } = await startWithWizard(bao, { now: () => now });
    await shown();
    now -= day;
    expect(Date.parse((await shown()).health.checkedAt)).toBe(now);
  });

  it("makes the backend stale if it is overdue", async () => {
    const bao = await fakeBao();
    let now = Date.now();
    const { shown } = await startWithWizard(bao, { now: () => now });
    now += 2 * day + 1;
    expect((await shown()).health).toMatchObject({
      status: "stale",
      reason: "its token has not been replaced for two days",
    });
  });
});

/** Counts the tokens of an OpenBao. */
async function tokenCount(bao: FakeBao): Promise<number> {
  return (await bao.call("GET", "auth/token/accessors/?list=true")).body.data.keys.length;
}

it("a token that somebody stores while another one is made stays, and the rotation fails (failure mode 259)", async () => {
  const bao = await fakeBao();
  const { store, hold } = await openHeldStore();
  const { server, name, rotate, token, shown } = await startWithWizard(bao, { store });
  const old = await token();
  const { body: made } = await bao.call("POST", "auth/token/create", { policies: ["root"] });
  const given = made.auth.client_token as string;
  const writing = hold("commit", "before", (writes) =>
    (writes as { op: string }[]).some(({ op }) => op === "addOrphan"),
  );
  const late = rotate();
  await writing.reached;
  await must(server.admin("PUT", `/api/v1/secrets/${name}-token`, { data: { token: given } }));
  writing.release();
  const { status, body } = await late;
  expect([status, body.code]).toEqual([409, "stale_version"]);
  expect(await token()).toBe(given);
  expect([await works(bao, given), await works(bao, old)]).toEqual([true, true]);
  expect(await shown()).toMatchObject({ rotation: { failedAt: expect.any(String) } });
});
