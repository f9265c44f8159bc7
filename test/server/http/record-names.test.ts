import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { AuditEvent } from "../../../src/server/core/store/types.ts";
import { must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const day = 24 * 60 * 60 * 1000;
const start = Date.parse("2026-11-10T12:00:00Z");

/** A server whose clock the test sets, and a call of a user. */
async function setup() {
  const clock = { now: start };
  const now = () => clock.now;
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now });
  const server = await testServer({ folder, store, now });
  const idOf = async (kind: string, name: string): Promise<string> =>
    (await must(server.admin("GET", `/api/v1/${kind}/${name}`))).body.id;
  const record = (userId: string, llm: string, more: Partial<AuditEvent> = {}) =>
    store.appendAudit([
      {
        at: clock.now,
        action: "llm_inference_call",
        requestId: `req_${clock.now}`,
        userId,
        tokenId: null,
        status: 200,
        llm,
        promptTokens: 10,
        completionTokens: 1,
        ...more,
      },
    ]);
  const get = async (path: string) => (await must(server.admin("GET", `/api/v1/${path}`))).body;
  return { clock, server, store, idOf, record, get };
}

const gpt = { name: "gpt", type: "openai", model: "m", visibility: "public" };
const rights = [{ role: "edit", resource: "llms" }];

describe("a deleted user", () => {
  it("keeps the name in the audit log and in the usage, and is found by it", async () => {
    const { clock, server, idOf, record, get } = await setup();
    await server.user("alice");
    const id = await idOf("users", "alice");
    await record(id, "gpt");
    clock.now += day;
    await must(server.admin("DELETE", "/api/v1/users/alice"));
    const userDeletedAt = new Date(clock.now).toISOString();
    const events = await get("audit?user=alice&action=llm_inference_call");
    expect(events).toEqual([expect.objectContaining({ user: "alice", userId: id, userDeletedAt })]);
    expect(await get(`audit?user=${id}&action=llm_inference_call`)).toEqual(events);
    const usage = [expect.objectContaining({ user: "alice", userId: id, userDeletedAt, requests: 1 })];
    expect(await get("usage")).toEqual(usage);
    expect(await get("usage?user=alice")).toEqual(usage);
  });

  it("is not a new user of the same name, and the new one is not the deleted one", async () => {
    const { clock, server, idOf, record, get } = await setup();
    await server.user("alice");
    const before = await idOf("users", "alice");
    await record(before, "gpt");
    await must(server.admin("DELETE", "/api/v1/users/alice"));
    clock.now += day;
    await server.user("alice");
    const after = await idOf("users", "alice");
    expect(await get("usage?user=alice")).toEqual([]);
    await record(after, "gpt");
    await record(after, "gpt");
    const calls = async (user: string) => (await get(`audit?user=${user}&action=llm_inference_call`)).length;
    expect([await calls("alice"), await calls(after), await calls(before)]).toEqual([2, 2, 1]);
    expect(await get("usage?user=alice")).toEqual([expect.objectContaining({ user: "alice", requests: 2 })]);
    const lines: Record<string, unknown>[] = await get("usage");
    const shown = lines.map(({ user, userId, requests }) => [user, userId, requests]);
    expect(shown).toHaveLength(2);
    expect(shown).toContainEqual(["alice", before, 1]);
    expect(shown).toContainEqual(["alice", undefined, 2]);
  });

  it("of a name that several had must be told by id, and only those who see all usage learn of them", async () => {
    const { clock, server, idOf, record } = await setup();
    const ids: string[] = [];
    for (let i = 0; i < 2; i++) {
      await server.user("alice");
      ids.push(await idOf("users", "alice"));
      await record(ids[i]!, "gpt");
      await must(server.admin("DELETE", "/api/v1/users/alice"));
      clock.now += day;
    }
    for (const path of ["audit", "usage"]) {
      const { status, text } = await server.admin("GET", `/api/v1/${path}?user=alice`);
      expect(status).toBe(409);
      for (const id of ids) expect(text).toContain(id);
    }
    const bob = await server.user("bob");
    const refused = await bob.call("GET", "/api/v1/usage?user=alice");
    const never = await bob.call("GET", "/api/v1/usage?user=nobody");
    expect([refused.status, never.status]).toEqual([403, 403]);
    expect(refused.body.error.message).toBe(never.body.error.message);
    for (const id of ids) expect(refused.text).not.toContain(id);
  });
});

describe("a deleted token", () => {
  it("keeps its name for its owner, and another user's token of the name is not found by it (T233)", async () => {
    const { server, idOf, record } = await setup();
    const grants = [{ role: "create", resource: "tokens" }];
    const alice = await server.user("alice", grants);
    const bob = await server.user("bob", grants);
    const { body } = await must(alice.call("POST", "/api/v1/tokens", { name: "laptop", roleBindings: [] }));
    await record(await idOf("users", "alice"), "gpt", { tokenId: body.id });
    await must(alice.call("DELETE", "/api/v1/tokens/laptop"));
    const mine = await must(alice.call("GET", "/api/v1/usage?by=token&token=laptop"));
    expect(mine.body).toEqual([
      expect.objectContaining({ token: "laptop", tokenId: body.id, tokenDeletedAt: expect.any(String) }),
    ]);
    expect((await must(bob.call("GET", "/api/v1/usage?by=token&token=laptop"))).body).toEqual([]);
    const [event] = (await must(server.admin("GET", "/api/v1/audit?action=llm_inference_call"))).body;
    expect(event).toMatchObject({ user: "alice", token: "laptop", tokenDeletedAt: expect.any(String) });
    expect(event).not.toHaveProperty("userDeletedAt");
  });
});

describe("an llm that takes the name of another owner's deleted one", () => {
  it("does not get its calls, which the id of the deleted one still finds (T233)", async () => {
    const { clock, server, idOf, record, get } = await setup();
    const [alice, bob] = [await server.user("alice", rights), await server.user("bob", rights)];
    const auditor = await server.user("auditor", [
      { role: "view", resource: "audit" },
      { role: "view", resource: "llms" },
    ]);
    await must(alice.call("POST", "/api/v1/llms?probe=false", gpt));
    const before = await idOf("llms", "gpt");
    await record(await idOf("users", "alice"), "gpt");
    await must(alice.call("DELETE", "/api/v1/llms/gpt"));
    clock.now += day;
    await must(bob.call("POST", "/api/v1/llms?probe=false", gpt));
    await record(await idOf("users", "bob"), "gpt");
    const callers = async (llm: string) =>
      (await get(`audit?action=llm_inference_call&llm=${llm}`)).map(({ user }: { user: string }) => user);
    expect(await callers("gpt")).toEqual(["bob"]);
    expect(await callers(before)).toEqual(["alice"]);
    const lines: Record<string, unknown>[] = await get("usage?by=llm");
    expect(lines.map(({ llm, llmDeletedAt, requests }) => [llm, llmDeletedAt, requests]).sort()).toEqual([
      ["gpt", undefined, 1],
      ["gpt", new Date(start).toISOString(), 1],
    ]);
    // The deleted one may have been private: others' usage does not name it.
    const { body } = await must(auditor.call("GET", "/api/v1/usage?by=llm"));
    expect(body.map(({ llm }: { llm: string | null }) => llm).sort()).toEqual(["gpt", null]);
  });

  it("of the same owner is the same llm: those of a workstation come back", async () => {
    const { clock, server, idOf, record, get } = await setup();
    const alice = await server.user("alice", rights);
    for (let i = 0; i < 2; i++) {
      await must(alice.call("POST", "/api/v1/llms?probe=false", gpt));
      await record(await idOf("users", "alice"), "gpt");
      if (i === 0) await must(alice.call("DELETE", "/api/v1/llms/gpt"));
      clock.now += day;
    }
    expect(await get("audit?action=llm_inference_call&llm=gpt")).toHaveLength(2);
    expect(await get("usage?by=llm")).toEqual([expect.objectContaining({ llm: "gpt", requests: 2 })]);
  });
});

it("a backup carries the names of deleted users, and one without the log does not", async () => {
  const { server, idOf, record } = await setup();
  await server.user("alice");
  const id = await idOf("users", "alice");
  await record(id, "gpt");
  await must(server.admin("DELETE", "/api/v1/users/alice"));
  const answer = (query: string) =>
    fetch(`http://localhost/api/v1/backup${query}`, { unix: server.socketPath }).then((response) =>
      response.arrayBuffer(),
    );
  const restored = async (query: string) => {
    const bytes = await answer(query);
    const other = await testServer();
    await other.user("bob");
    await must(other.admin("DELETE", "/api/v1/users/bob"));
    const response = await fetch("http://localhost/api/v1/restore", {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
      unix: other.socketPath,
    });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
    // The log of the restored server stays, with the names in it.
    const [login] = (await must(other.admin("GET", "/api/v1/audit?user=bob&action=login"))).body;
    expect(login).toMatchObject({ user: "bob", userDeletedAt: expect.any(String) });
    return (await must(other.admin("GET", "/api/v1/usage?since=2026-11-01&until=2026-11-30"))).body;
  };
  expect(await restored("")).toEqual([expect.objectContaining({ user: "alice", userId: id })]);
  expect(await restored("?audit=false")).toEqual([]);
});
