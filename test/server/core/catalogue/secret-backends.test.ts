import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";

const path = "/api/v1/secretbackends";

async function defaults(server: TestServer): Promise<string[]> {
  const { body } = await must(server.admin("GET", path));
  return body
    .filter(({ isDefault }: { isDefault: boolean }) => isDefault)
    .map(({ name }: { name: string }) => name);
}

describe("the default backend", () => {
  it("is there from the start, and takes secrets that name none", async () => {
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

  it("is exactly one, whoever makes another one the default at the same time", async () => {
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

  it("cannot be unmade, only handed on", async () => {
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

it("is not deleted while it holds secrets, and says which, as far as the caller may see them", async () => {
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
