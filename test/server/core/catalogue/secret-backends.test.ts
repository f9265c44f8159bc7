import { describe, expect, it } from "vitest";
import { fakeBao } from "../../../support/openbao/fake.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";

const path = "/api/v1/secretbackends";

async function defaults(server: TestServer): Promise<string[]> {
  const { body } = await must(server.admin("GET", path));
  return body
    .filter(({ isDefault }: { isDefault: boolean }) => isDefault)
    .map(({ name }: { name: string }) => name);
}

describe("the default backend", () => {
  it("exists from the start, and stores secrets that name no backend", async () => {
    const server = await testServer();
    expect((await must(server.admin("GET", `${path}/default`))).body).toMatchObject({
      type: "plaintext",
      isDefault: true,
      secretCount: 0,
    });
    await must(server.admin("POST", path, { name: "second", type: "plaintext", isDefault: true }));
    expect(await defaults(server)).toEqual(["second"]);
    const { body } = await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v" } }));
    expect(body.backend).toBe("second");
    expect((await must(server.admin("GET", `${path}/second`))).body.secretCount).toBe(1);
    expect((await must(server.admin("GET", `${path}/default`))).body).toMatchObject({
      isDefault: false,
      version: 2,
    });
  });

  it("is exactly one, also if several are made the default at the same time", async () => {
    const server = await testServer();
    const names = Array.from({ length: 10 }, (_, i) => `b${i}`);
    for (const name of names) await must(server.admin("POST", path, { name, type: "plaintext" }));
    let changing = true;
    const watching = (async () => {
      while (changing) expect(await defaults(server)).toHaveLength(1);
    })();
    const changes = Array.from({ length: 50 }, (_, i) => {
      if (i % 10 === 9)
        return server.admin("POST", path, { name: `new-${i}`, type: "plaintext", isDefault: true });
      return server.admin("PUT", `${path}/${names[i % 9]}`, { isDefault: true });
    });
    const answers = await Promise.all(changes);
    changing = false;
    await watching;
    for (const { status, body } of answers) expect([200, 201, 409], JSON.stringify(body)).toContain(status);
    expect(answers.filter(({ status }) => status < 300).length).toBeGreaterThan(0);
    expect(await defaults(server)).toHaveLength(1);
    expect(server.logged).toEqual([]);
  });

  it("cannot be unset, only replaced by another one", async () => {
    const server = await testServer();
    for (const isDefault of [false, null]) {
      const { status, body } = await server.admin("PUT", `${path}/default`, { isDefault });
      expect([status, body.code, body.error]).toEqual([409, "conflict", "one backend must be the default"]);
    }
    const gone = await server.admin("DELETE", `${path}/default`);
    expect([gone.status, gone.body.error]).toEqual([409, 'secret backend "default" is the default']);
    await must(server.admin("POST", path, { name: "second", type: "plaintext", isDefault: true }));
    const builtIn = await server.admin("DELETE", `${path}/default`);
    expect([builtIn.status, builtIn.body.error]).toEqual([
      409,
      'secret backend "default" is built in: a backend\'s own credentials live there',
    ]);
    expect((await server.admin("DELETE", `${path}/second`)).status).toBe(409);
    await must(server.admin("PUT", `${path}/default`, { isDefault: true }));
    expect((await server.admin("DELETE", `${path}/second`)).status).toBe(204);
    expect(await defaults(server)).toEqual(["default"]);
  });
});

it("cannot be deleted while it has secrets; the error names those that the caller may see", async () => {
  const server = await testServer();
  await must(server.admin("POST", path, { name: "second", type: "plaintext" }));
  for (const name of ["one", "two", "three"])
    await must(server.admin("POST", "/api/v1/secrets", { name, data: { k: "v" }, backend: "second" }));
  const all = await server.admin("DELETE", `${path}/second`);
  expect([all.status, all.body.code]).toEqual([409, "still_referenced"]);
  for (const name of ["one", "two", "three"]) expect(all.body.error).toContain(`secret "${name}"`);

  const grants = [
    { role: "edit", resource: "secretbackends" },
    { role: "view", resource: "secrets", name: "two" },
  ];
  const { call } = await server.token("keeper", grants);
  const some = await call("DELETE", `${path}/second`);
  expect([some.status, some.body.error]).toEqual([
    409,
    'secretbackend "second" is still used by secret "two", 2 that you may not see',
  ]);
  for (const name of ["one", "two", "three"]) await must(server.admin("DELETE", `/api/v1/secrets/${name}`));
  expect((await call("DELETE", `${path}/second`)).status).toBe(204);
});

describe("what a secret backend does to others (T12, T94)", () => {
  const kubernetes = { method: "kubernetes", role: "mcpctl" };
  const openbao = (config: object) => ({ type: "openbao", config: { url: "http://127.0.0.1:1", ...config } });

  it.each([
    ["become the default", "POST", "", { name: "mine", type: "plaintext", isDefault: true }],
    ["become the default later", "PUT", "/other", { isDefault: true }],
    [
      "log in with the identity of the server's host",
      "POST",
      "",
      { name: "mine", ...openbao({ auth: kubernetes }) },
    ],
    [
      "log in with it later",
      "PUT",
      "/other-bao",
      { config: { url: "http://127.0.0.1:1", auth: kubernetes } },
    ],
    ["send it elsewhere", "PUT", "/pod", { config: { url: "http://127.0.0.1:2", auth: kubernetes } }],
    [
      "send it to another mount",
      "PUT",
      "/pod",
      { config: { url: "http://127.0.0.1:1", mount: "m", auth: kubernetes } },
    ],
  ])("it may %s only by a holder of manage-secretbackends", async (_what, method, under, body) => {
    const server = await testServer();
    await must(server.admin("POST", path, { name: "other", type: "plaintext" }));
    await must(server.admin("POST", path, { name: "other-bao", ...openbao({}) }));
    await must(server.admin("POST", path, { name: "pod", ...openbao({ auth: kubernetes }) }));
    const before = (await server.admin("GET", path)).text;
    const edit = { role: "edit", resource: "secretbackends" };
    const editor = await server.user("mallory", [edit]);
    const refused = await editor.call(method, `${path}${under}`, body);
    expect([refused.status, refused.body.error]).toEqual([
      403,
      expect.stringContaining("needs the operation manage-secretbackends"),
    ]);
    const plain = (text: string) => text.replace(/"health":(null|\{.*?\})/g, "");
    expect(plain((await server.admin("GET", path)).text)).toBe(plain(before));
    const manager = await server.user("keeper", [edit, { role: "run", action: "manage-secretbackends" }]);
    expect((await manager.call(method, `${path}${under}`, body)).status).toBeLessThan(300);
  });

  it("one that holds secrets may be moved only by a holder of manage-secretbackends", async () => {
    const server = await testServer();
    const bao = await fakeBao({ token: "root" });
    await must(server.admin("POST", "/api/v1/secrets", { name: "login", data: { token: "root" } }));
    const config = {
      url: bao.url,
      mount: bao.mount,
      auth: { tokenSecretRef: { name: "login", key: "token" } },
    };
    await must(server.admin("POST", path, { name: "bao", type: "openbao", config }));
    const editor = await server.user("mallory", [
      { role: "edit", resource: "secretbackends" },
      { role: "expose", resource: "secrets" },
    ]);
    const move = () => editor.call("PUT", `${path}/bao`, { config: { ...config, pathPrefix: "mallory" } });
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v" }, backend: "bao" }));
    expect((await move()).status).toBe(403);
    expect((await editor.call("PUT", `${path}/bao`, { description: "ours" })).status).toBe(200);
    await must(server.admin("DELETE", "/api/v1/secrets/s"));
    expect((await move()).status).toBe(200);
  });
});
