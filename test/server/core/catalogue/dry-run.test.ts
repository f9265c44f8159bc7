import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { kinds } from "../../../../src/kinds/index.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";

/** The kinds of which users create objects. */
const created = kinds.filter(({ writes }) => writes.includes("create"));

/** Everything that a write changes: the objects with their versions, and the audit log. */
async function stateOf({ admin }: TestServer): Promise<unknown> {
  const lists = await Promise.all(created.map(({ plural }) => must(admin("GET", `/api/v1/${plural}`))));
  const audit = await must(admin("GET", "/api/v1/audit?limit=1000"));
  return [lists.map(({ body, headers }) => [headers.get("x-mcpctl-revision"), body]), audit.body];
}

it("checks a create of every kind and writes nothing: no object, no value, no audit event (T174)", async () => {
  const server = await testServer();
  const { admin } = server;
  for (const kind of created) {
    const path = `/api/v1/${kind.plural}`;
    const before = await stateOf(server);
    const planned = await must(admin("POST", `${path}?dryRun=true`, kind.example));
    expect(planned.status, kind.kind).toBe(200);
    expect(planned.body, kind.kind).toMatchObject({ name: kind.example.name, version: 1 });
    expect(planned.body).not.toHaveProperty("token");
    for (const field of kind.writeOnly) expect(planned.body).not.toHaveProperty(field);
    const refused = await admin("POST", `${path}?dryRun=true`, { ...kind.example, nonsense: 1 });
    expect(refused, kind.kind).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await stateOf(server), kind.kind).toEqual(before);

    const real = await must(admin("POST", `${path}?probe=false`, kind.example));
    // The parts that are made anew by each create.
    const { id: _, token, prefix, createdAt, updatedAt, externalRef, warnings, ...shown } = real.body;
    const stable = Object.entries(shown).filter(([field]) => !kind.volatile.includes(field));
    expect(planned.body, kind.kind).toMatchObject(Object.fromEntries(stable));
    const taken = await admin("POST", `${path}?dryRun=true`, kind.example);
    expect(taken, kind.kind).toMatchObject({ status: 409, body: { code: "name_taken" } });
  }
});

it("checks a change and writes nothing", async () => {
  const server = await testServer();
  const { admin } = server;
  await must(admin("POST", "/api/v1/secrets", { name: "s", data: { k: "first-value" } }));
  await must(admin("POST", "/api/v1/projects", { name: "p" }));
  const before = await stateOf(server);
  const changed = await must(admin("PUT", "/api/v1/secrets/s?dryRun=true", { data: { k: "second-value" } }));
  expect(changed.body).toMatchObject({ version: 2 });
  const same = await must(admin("PUT", "/api/v1/secrets/s?dryRun=true", { data: { k: "first-value" } }));
  expect(same.body).toMatchObject({ version: 1 });
  expect((await admin("PUT", "/api/v1/projects/p?dryRun=true", { servers: ["none"] })).status).toBe(400);
  expect((await admin("PUT", "/api/v1/projects/none?dryRun=true", {})).status).toBe(404);
  expect(await stateOf(server)).toEqual(before);
  expect((await must(admin("GET", "/api/v1/secrets/s?reveal=true"))).body.data).toEqual({ k: "first-value" });
  const text = readdirSync(server.folder)
    .filter((name) => name.startsWith("mcpctl.db"))
    .map((name) => readFileSync(join(server.folder, name), "latin1"))
    .join("");
  expect(text).not.toContain("second-value");
});

it("checks a deletion of every kind and deletes nothing", async () => {
  const server = await testServer();
  const { admin } = server;
  for (const kind of created) await must(admin("POST", `/api/v1/${kind.plural}?probe=false`, kind.example));
  const before = await stateOf(server);
  for (const kind of created) {
    const path = `/api/v1/${kind.plural}/${kind.example.name}?dryRun=true`;
    const { status, body } = await admin("DELETE", path);
    expect([204, 409], kind.kind).toContain(status);
    if (status === 409) expect(body, kind.kind).toMatchObject({ code: "still_referenced" });
  }
  expect(await stateOf(server)).toEqual(before);
  for (const kind of created.toReversed()) {
    const path = `/api/v1/${kind.plural}/${kind.example.name}`;
    const planned = await admin("DELETE", `${path}?dryRun=true`);
    const real = await admin("DELETE", path);
    expect([kind.kind, planned.status, planned.body?.code]).toEqual([
      kind.kind,
      real.status,
      real.body?.code,
    ]);
  }
});

it("needs the same rights as the write, and is refused where its value is misspelt", async () => {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
  const { call } = await server.user("bob", [{ role: "view", resource: "projects" }]);
  expect((await call("POST", "/api/v1/projects?dryRun=true", { name: "q" })).status).toBe(403);
  expect((await call("PUT", "/api/v1/projects/p?dryRun=true", { description: "x" })).status).toBe(403);
  expect((await call("DELETE", "/api/v1/projects/p?dryRun=true")).status).toBe(403);
  for (const text of ["1", "yes", "", "True"]) {
    const { status } = await server.admin("POST", `/api/v1/projects?dryRun=${text}`, { name: "q" });
    expect(status, text).toBe(400);
    const deletion = await server.admin("DELETE", `/api/v1/projects/p?dryRun=${text}`);
    expect(deletion.status, text).toBe(400);
  }
  expect((await server.admin("GET", "/api/v1/projects/p")).status).toBe(200);
  expect((await server.admin("GET", "/api/v1/projects/q")).status).toBe(404);
});

it("gives back what it has reserved of a quota", async () => {
  const server = await testServer();
  const { call } = await server.user("carol", [{ role: "create", resource: "projects" }]);
  await must(server.admin("PUT", "/api/v1/users/carol", { quotas: { projects: 1 } }));
  for (let i = 0; i < 3; i++) await must(call("POST", "/api/v1/projects?dryRun=true", { name: "p" }));
  await must(call("POST", "/api/v1/projects", { name: "p" }));
  expect((await call("POST", "/api/v1/projects?dryRun=true", { name: "q" })).status).not.toBe(200);
});
