import { Database } from "bun:sqlite";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, type Seen, upstream } from "../../../support/upstream.ts";
import { lastEvent } from "../setup.ts";

const messages = [{ role: "user", content: "hi" }];
const ask = { model: "pool", messages };
const chat = "/v1/chat/completions";
const run = [{ role: "run", resource: "llms" }];

/** Adds a member with its own provider to the pool. Returns the requests that the provider gets. */
async function member(
  server: TestServer,
  name: string,
  call = server.admin,
  more: object = {},
): Promise<Seen[]> {
  const { url, seen } = upstream(goodProvider);
  const llm = { name, type: "openai", model: `model-of-${name}`, url, poolName: "pool", ...more };
  await must(call("POST", "/api/v1/llms?probe=false", llm));
  return seen;
}

/** Calls a pool until each of the given providers has answered. */
async function untilAllAnswered(call: TestServer["admin"], members: Seen[][]): Promise<void> {
  for (let calls = 0; members.some((seen) => seen.length === 0); calls++) {
    expect(calls).toBeLessThan(200);
    await must(call("POST", chat, ask));
  }
}

describe("the name of a pool", () => {
  it("calls all its members, each with its own model name, and no other llm", async () => {
    const server = await testServer();
    const [a, b] = [await member(server, "a"), await member(server, "b")];
    const other = await member(server, "c", server.admin, { poolName: "others" });
    const { call } = await server.token("t", run);
    await untilAllAnswered(call, [a, b]);
    expect(new Set(a.map(({ body }) => body.model))).toEqual(new Set(["model-of-a"]));
    expect(new Set(b.map(({ body }) => body.model))).toEqual(new Set(["model-of-b"]));
    expect(other).toEqual([]);
    const event = await lastEvent(server);
    expect(event).toMatchObject({ llm: "pool", status: 200 });
    expect(["a", "b"]).toContain(event.poolMember);
  });

  it("means the llm of that name if there is one", async () => {
    const server = await testServer();
    const own = await member(server, "pool", server.admin, { poolName: undefined });
    const other = await member(server, "b");
    for (let calls = 0; calls < 20; calls++) await must(server.admin("POST", chat, ask));
    expect([own.length, other.length]).toEqual([20, 0]);
    expect((await lastEvent(server)).poolMember).toBeUndefined();
  });

  it("calls the one member that the caller may run, without view on it (T51)", async () => {
    const server = await testServer();
    const [a, b] = [await member(server, "a"), await member(server, "b")];
    const { call } = await server.token("t", [{ role: "run", resource: "llms", name: "b" }]);
    for (let calls = 0; calls < 20; calls++) {
      const answer = await call("POST", chat, ask);
      // Grants name llms, and the name of a pool is not the name of an llm.
      expect(answer.status).toBe(200);
    }
    expect([a.length, b.length]).toEqual([0, 20]);
    // It is shown what a caller needs, and not where the llm is.
    const shown = await must(call("GET", "/api/v1/llms/b"));
    expect(Object.keys(shown.body)).not.toContain("url");
    expect((await call("GET", "/api/v1/llms/a")).status).toBe(403);
    expect((await call("GET", "/v1/models")).body.data).toMatchObject([{ id: "b" }, { id: "pool" }]);
  });

  it("never calls or counts a private llm of others (T52, failure mode 63)", async () => {
    const server = await testServer();
    const bob = await server.user("bob", [
      { role: "edit", resource: "llms" },
      { role: "run", resource: "llms" },
    ]);
    const open = await member(server, "open");
    const hidden = await member(server, "hidden", bob.call, { visibility: "private" });
    const grants = [...run, { role: "view", resource: "llms" }];
    const { call } = await server.token("t", grants);
    for (let calls = 0; calls < 20; calls++) await must(call("POST", chat, ask));
    expect([open.length, hidden.length]).toEqual([20, 0]);
    const members = (await must(call("GET", "/api/v1/llms/open/members"))).body;
    expect(members).toMatchObject({ poolName: "pool", explicit: true, size: 1, activeCount: 1 });
    await untilAllAnswered(bob.call, [hidden]);
    expect((await must(bob.call("GET", "/api/v1/llms/open/members"))).body).toMatchObject({ size: 2 });
  });

  it("skips inactive members, and returns 503 if all are inactive", async () => {
    const folder = temporaryFolder();
    const first = await testServer({ folder });
    const awake = await member(first, "awake");
    const asleep = await member(first, "asleep");
    const { bearer } = await first.token("t", run);
    await first.stop();
    setStatus(folder, "asleep", "inactive");
    const server = await testServer({ folder });
    const call = server.as(bearer);
    for (let calls = 0; calls < 20; calls++) await must(call("POST", chat, ask));
    expect([awake.length, asleep.length]).toEqual([20, 0]);
    await must(call("POST", "/api/v1/llms/asleep/infer", { messages }));
    expect([awake.length, asleep.length]).toEqual([21, 0]);

    await server.stop();
    setStatus(folder, "awake", "inactive");
    const later = await testServer({ folder });
    const refused = await later.as(bearer)("POST", chat, ask);
    expect([refused.status, refused.body.error.code]).toEqual([503, "unavailable"]);
    const direct = await later.as(bearer)("POST", "/api/v1/llms/asleep/infer", { messages });
    expect([direct.status, direct.headers.get("retry-after")]).toEqual([503, "30"]);
    expect(direct.body).toMatchObject({ error: 'llm "asleep" is inactive', code: "unavailable" });
    expect([awake.length, asleep.length]).toEqual([21, 0]);
  });
});

/** Changes the status of an llm, as an agent does that comes and goes. */
function setStatus(folder: string, name: string, status: string): void {
  using database = new Database(join(folder, "mcpctl.db"));
  database.run(
    "update resources set status = json_set(status, '$.status', ?) where kind = 'llm' and name = ?",
    [status, name],
  );
}
