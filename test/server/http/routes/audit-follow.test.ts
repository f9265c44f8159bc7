import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../../postgres.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { watchKind } from "../../../support/watch.ts";

const viewAudit = [{ role: "view", resource: "audit" }];

const project = (server: TestServer, name: string) =>
  must(server.admin("POST", "/api/v1/projects", { name }));

/** Follows the log with a token's or a user's bearer. */
const follow = (server: TestServer, bearer: string, query = "") => watchKind(server, bearer, "audit", query);

describe.each([
  ["SQLite", async () => openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now })],
  ["Postgres", async () => openStore({ url: await databaseWithTables(), now: Date.now })],
])("following the audit log on %s", (_, open) => {
  it("sends the newest events and its position, then each committed event once, in order", async () => {
    const server = await testServer({ store: await open() });
    const { bearer } = await server.token("t", viewAudit);
    for (const name of ["a", "b", "c"]) await project(server, name);
    const watch = await follow(server, bearer, "&action=create&limit=2");
    const first = [await watch.next(), await watch.next(), await watch.next()];
    expect(first.map((event) => [event!.type, event!.data.detail?.name])).toEqual([
      ["audit", "b"],
      ["audit", "c"],
      ["synced", undefined],
    ]);
    expect(first[2]!.id).toBe(first[1]!.id);
    await project(server, "d");
    await must(server.admin("DELETE", "/api/v1/projects/d"));
    await project(server, "e");
    const [d, e] = [await watch.next(), await watch.next()];
    const { body } = await must(server.admin("GET", "/api/v1/audit?action=create&limit=2"));
    expect([e!.data, d!.data]).toEqual(body);
    expect(d!.id).toBeGreaterThan(first[2]!.id);
    await watch.leave();

    const again = await follow(server, bearer, `&action=create&limit=0&after=${first[0]!.id}`);
    const names: string[] = [];
    while (names.length < 3) {
      const event = (await again.next())!;
      if (event.type === "audit") names.push(event.data.detail.name);
    }
    expect(names).toEqual(["c", "d", "e"]);
    await again.leave();
  });
});

it("reads a long log in several turns of the event loop (T330)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const server = await testServer({ store });
  const { bearer } = await server.token("t", viewAudit);
  const event = { at: Date.now(), action: "login", requestId: "r", userId: null, tokenId: null, status: 200 };
  await store.appendAudit(Array.from({ length: 5000 }, () => event));
  const { auditTail } = store;
  let turn = 0;
  const turns: number[] = [];
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  count();
  store.auditTail = (...given) => {
    turns.push(turn);
    return auditTail(...given);
  };
  const watch = await follow(server, bearer, "&after=0&limit=0");
  for (let events = 0; events < 5000; ) if ((await watch.next())!.type === "audit") events++;
  isOver = true;
  expect(turns.length).toBeGreaterThan(3);
  // The first one comes with the request, and the second one after a moment.
  expect(new Set(turns.slice(1)).size).toBe(turns.length - 1);
  await watch.leave();
});

it("sends no event of a row that is hidden from the follower (T52)", async () => {
  const server = await testServer();
  const bob = await server.user("bob", viewAudit);
  const watch = await follow(server, bob.bearer, "&action=create");
  while ((await watch.next())?.type !== "synced");
  const llm = { name: "hidden", type: "openai", model: "m", visibility: "private" };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  await project(server, "p");
  expect((await watch.next())?.data.detail).toMatchObject({ kind: "project", name: "p" });
  const { text } = await must(bob.call("GET", "/api/v1/audit"));
  expect(text).not.toContain("hidden");
  await watch.leave();
});

it("ends when the bearer is revoked, and when its rights change (T55, T56)", async () => {
  const server = await testServer();
  const token = await server.token("t", viewAudit);
  const watch = await follow(server, token.bearer);
  while ((await watch.next())?.type !== "synced");
  await must(server.admin("DELETE", "/api/v1/tokens/t"));
  while (await watch.next());

  const bob = await server.user("bob", viewAudit);
  const other = await follow(server, bob.bearer);
  while ((await other.next())?.type !== "synced");
  await must(server.admin("DELETE", "/api/v1/rbac/of-bob"));
  while (await other.next());
  expect((await bob.call("GET", "/api/v1/audit?watch=1")).status).toBe(403);
});

it("releases its listeners, and does not hold up a server that stops", async () => {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  let followers = 0;
  const onAudit: typeof store.onAudit = (ring) => {
    followers++;
    const stop = store.onAudit(ring);
    return () => {
      followers--;
      stop();
    };
  };
  const server = await testServer({ store: { ...store, onAudit }, folder });
  const { bearer } = await server.token("t", viewAudit);
  const watch = await follow(server, bearer);
  await watch.next();
  expect(followers).toBe(1);
  await watch.leave();
  await expect.poll(() => followers).toBe(0);
  const open = await follow(server, bearer);
  await server.stop(10_000);
  while (await open.next());
  expect(followers).toBe(0);
});

it("is refused with until, and with an invalid after", async () => {
  const server = await testServer();
  const get = (query: string) => server.admin("GET", `/api/v1/audit?${query}`);
  for (const query of ["watch=1&until=2026-11-21T10:00:00Z", "watch=1&after=x", "status=5x", "status=99"])
    expect([query, (await get(query)).status]).toEqual([query, 400]);
  expect((await server.as()("GET", "/api/v1/audit?watch=1")).status).toBe(401);
});

it("the audit log is filtered by a status or a class of statuses", async () => {
  const server = await testServer();
  await server.as()("POST", "/api/v1/auth/login", { user: "nobody", password: "x" });
  await project(server, "p");
  const statuses = async (status: string) =>
    (await must(server.admin("GET", `/api/v1/audit?status=${status}`))).body.map(
      (event: { status: number }) => event.status,
    );
  expect(await statuses("4xx")).toEqual([401]);
  expect(await statuses("201")).toEqual([201]);
  expect(await statuses("5xx")).toEqual([]);
});
