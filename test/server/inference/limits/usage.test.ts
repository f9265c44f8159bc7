import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import type { AuditEvent } from "../../../../src/server/core/store/types.ts";
import { must, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const now = Date.parse("2026-11-21T12:00:00Z");

/** A server with two users, an llm of each (one is private) and recorded calls of both. */
async function house() {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: () => now });
  const server = await testServer({ folder, store, now: () => now });
  const grants = [{ role: "view", resource: "llms" }];
  const alice = await server.user("alice", grants);
  const bob = await server.user("bob", [...grants, { role: "view", resource: "audit" }]);
  const llm = { type: "openai", model: "m", visibility: "private" };
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "hidden" }));
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "gpt", visibility: "public" }));
  const { rows } = await store.load();
  const idOf = (name: string) => rows.find((row) => row.kind === "user" && row.name === name)!.id;
  const call = (user: string, llm: string, at: string): AuditEvent => ({
    at: Date.parse(at),
    action: "llm_inference_call",
    requestId: "r",
    userId: idOf(user),
    tokenId: null,
    status: 200,
    llm,
    promptTokens: 100,
    completionTokens: 10,
    cachedTokens: 50,
    costMicros: 100_001,
  });
  await store.appendAudit([
    call("alice", "gpt", "2026-11-21T10:00:00Z"),
    call("alice", "gpt", "2026-11-20T10:00:00Z"),
    call("bob", "hidden", "2026-11-21T10:00:00Z"),
    call("bob", "gpt", "2026-10-31T10:00:00Z"),
  ]);
  return { server, alice, bob };
}

const sums = (requests: number) => ({
  requests,
  errors: 0,
  promptTokens: 100 * requests,
  completionTokens: 10 * requests,
  cachedTokens: 50 * requests,
  cost: (100_001 * requests) / 1e6,
  unpriced: 0,
  ...{ images: 0, seconds: 0, characters: 0, searches: 0 },
});

describe("GET /api/v1/usage", () => {
  it("groups the usage as requested, of this month by default", async () => {
    const { server } = await house();
    const get = async (query = "") => (await must(server.admin("GET", `/api/v1/usage${query}`))).body;
    expect(await get()).toEqual([
      { user: "alice", ...sums(2) },
      { user: "bob", ...sums(1) },
    ]);
    expect(await get("?by=day,llm&user=alice")).toEqual([
      { day: "2026-11-20", llm: "gpt", ...sums(1) },
      { day: "2026-11-21", llm: "gpt", ...sums(1) },
    ]);
    expect(await get("?by=llm&since=2026-10-01")).toEqual([
      { llm: "gpt", ...sums(3) },
      { llm: "hidden", ...sums(1) },
    ]);
    expect(await get("?by=token&until=2026-11-20")).toEqual([{ token: null, ...sums(1) }]);
    expect(await get("?llm=hidden")).toEqual([{ user: "bob", ...sums(1) }]);
    expect(await get("?since=2027-01-01&until=2027-01-02")).toEqual([]);
  });

  it("returns only the caller's usage without view on audit, and no names of private llms of others (T52)", async () => {
    const { alice, bob } = await house();
    expect((await alice.call("GET", "/api/v1/usage")).body).toEqual([{ user: "alice", ...sums(2) }]);
    expect((await alice.call("GET", "/api/v1/usage?user=bob")).status).toBe(403);
    const all = await bob.call("GET", "/api/v1/usage?by=llm");
    expect(all.body).toEqual([
      { llm: null, ...sums(1) },
      { llm: "gpt", ...sums(2) },
    ]);
    expect(all.text).not.toContain("hidden");
    expect((await bob.call("GET", "/api/v1/usage?llm=hidden")).body).toEqual([]);
  });

  it("returns 400 for unknown parameters", async () => {
    const { server } = await house();
    for (const query of ["by=week", "by=", "since=yesterday", "until=2026-13-01"])
      expect((await server.admin("GET", `/api/v1/usage?${query}`)).status, query).toBe(400);
    expect((await server.as()("GET", "/api/v1/usage")).status).toBe(401);
  });
});

describe("limits on users and groups", () => {
  it("cannot be changed by the users whom they limit", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [
      { role: "edit", resource: "users" },
      { role: "edit", resource: "groups" },
    ]);
    await must(server.admin("POST", "/api/v1/users", { name: "bob" }));
    await must(server.admin("POST", "/api/v1/groups", { name: "friends", members: ["alice"] }));
    const limits = { tokensPerDay: 1000 };
    expect((await call("PUT", "/api/v1/users/bob", { limits })).body.limits).toEqual(limits);
    for (const path of ["users/alice", "groups/friends"]) {
      expect((await call("PUT", `/api/v1/${path}`, { limits: null })).status).toBe(200);
      await must(server.admin("PUT", `/api/v1/${path}`, { limits }));
      for (const change of [{ tokensPerDay: 1_000_000 }, null]) {
        const { status, body } = await call("PUT", `/api/v1/${path}`, { limits: change });
        expect([status, body.error]).toEqual([403, expect.stringContaining("apply to you")]);
      }
    }
    expect((await server.admin("PUT", "/api/v1/users/admin", { limits })).status).toBe(200);
  });

  it("return 400 with the path of each fault", async () => {
    const server = await testServer();
    for (const [limits, path] of [
      [{}, "/limits"],
      [{ tokensPerDay: 0 }, "/limits/tokensPerDay"],
      [{ tokensPerDay: 1.5 }, "/limits/tokensPerDay"],
      [{ costPerDay: -1 }, "/limits/costPerDay"],
      [{ tokensPerWeek: 1 }, "/limits/tokensPerWeek"],
    ] as const) {
      const { status, body } = await server.admin("POST", "/api/v1/users", { name: "u", limits });
      expect([status, body.details?.[0].path], JSON.stringify(limits)).toEqual([400, path]);
    }
  });
});
