import { describe, expect, it } from "vitest";
import { KeptResults, keepTime } from "../../../../src/server/mcp/content/kept-results.ts";
import { argumentsIn, longProject, textsOf } from "../../../support/mcp/long-results.ts";
import { must } from "../../../support/server.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

const owner = (user: string, principal = user) => ({ principalId: principal, userId: user, projectId: "p" });

function results(limits: { maxOfUser?: number; maxInAll?: number } = {}) {
  let now = 0;
  let ids = 0;
  const kept = new KeptResults({ elapsed: () => now, makeId: () => `r${ids++}`, ...limits });
  const keep = (user: string, text: string, principal = user) =>
    kept.keep({
      owner: owner(user, principal),
      serverId: "s",
      method: "tools/call",
      subject: "t",
      word: "page",
      texts: [text],
      parts: [],
      titles: [],
      hasSummaries: false,
    }).id;
  const pass = (time: number) => {
    now += time;
  };
  return { kept, keep, pass };
}

describe("kept results", () => {
  it("belong to one principal and one project (T210)", () => {
    const { kept, keep } = results();
    const id = keep("ann", "x", "token-1");
    expect(kept.find(id, owner("ann", "token-1"))).toBeDefined();
    expect(kept.find(id, owner("ann", "token-2"))).toBeUndefined();
    expect(kept.find(id, { ...owner("ann", "token-1"), projectId: "q" })).toBeUndefined();
    expect(kept.find("r9", owner("ann", "token-1"))).toBeUndefined();
  });

  it("end after 30 minutes", () => {
    const { kept, keep, pass } = results();
    const id = keep("ann", "x");
    pass(keepTime - 1);
    expect(kept.find(id, owner("ann"))).toBeDefined();
    pass(1);
    expect(kept.find(id, owner("ann"))).toBeUndefined();
    expect(kept.list()).toEqual([]);
    expect(kept.bytes).toBeGreaterThan(0);
    kept.sweep();
    expect(kept.bytes).toBe(0);
  });

  it("of a user take a bounded number of bytes, whatever tokens the user has (T213)", () => {
    const { kept, keep } = results({ maxOfUser: 1000 });
    const ids = [1, 2, 3, 4].map((token) => keep("ann", "x".repeat(400), `token-${token}`));
    expect(kept.list().map(({ id }) => id)).toEqual(ids.slice(2));
    // Other alphabets take twice as many bytes.
    keep("ann", "я".repeat(400));
    expect(kept.list()).toHaveLength(1);
    for (let i = 0; i < 600; i++) keep("bob", "x");
    expect(kept.list().filter(({ owner: { userId } }) => userId === "bob")).toHaveLength(500);
  });

  it("of one who keeps the most make room for those of others (T213)", () => {
    const { kept, keep } = results({ maxInAll: 1000 });
    const first = keep("eve", "x".repeat(450));
    const second = keep("eve", "x".repeat(450));
    const small = keep("ann", "x".repeat(90));
    keep("bob", "x".repeat(100));
    const ids = kept.list().map(({ id }) => id);
    expect(ids).not.toContain(first);
    expect(ids).toContain(second);
    expect(ids).toContain(small);
    keep("bob", "x".repeat(5000));
    expect(kept.list()).toHaveLength(1);
  });
});

describe("a result of somebody else", () => {
  it("is told as one that does not exist, and so is an old one and one of another tool (T210)", async () => {
    let now = 0;
    const p = await longProject("content-pipeline", {}, { elapsed: () => now });
    const client = await p.client("modern");
    const first: Json = await client.callTool({ name: "rows", arguments: {} });
    const next = argumentsIn(textsOf(first).at(-1)!);
    const other = await p.token("other", [{ role: "run", resource: "projects" }]);
    const stranger = await p.client("modern", { bearer: other.bearer });
    const unknown = { _resultId: "0".repeat(32), _page: 2 };
    const nothing: Json = await stranger.callTool({ name: "rows", arguments: unknown });
    expect(nothing.isError).toBe(true);
    expect(await stranger.callTool({ name: "rows", arguments: next })).toEqual(nothing);
    const told: Json = await client.callTool({ name: "many", arguments: next });
    expect([told.isError, textsOf(told)[0]]).toEqual([
      true,
      expect.stringContaining("Call many again without _resultId"),
    ]);
    const uri = (id: string) => `mcpctl://results/${id}/2`;
    const failure = (one: typeof client, id: string) =>
      one.readResource({ uri: uri(id) }).then(
        () => undefined,
        (error: Json) => [error.code, error.message.replace(id, "ID")],
      );
    expect(await failure(client, next._resultId)).toBeUndefined();
    expect(await failure(stranger, next._resultId)).toEqual(await failure(stranger, unknown._resultId));
    now += keepTime;
    expect(await client.callTool({ name: "rows", arguments: next })).toEqual(nothing);
    expect(p.upstream.of("tools/call")).toHaveLength(1);
  });

  it("is gone for its own caller once the tool is not offered any more (T210)", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client("legacy");
    const first: Json = await client.callTool({ name: "rows", arguments: {} });
    const { _resultId } = argumentsIn(textsOf(first).at(-1)!);
    const { body } = await p.admin("GET", "/api/v1/servers/s");
    await must(p.admin("PUT", "/api/v1/servers/s", { ...body, tools: { deny: ["rows"] } }));
    await expect(client.callTool({ name: "rows", arguments: { _resultId, _page: 2 } })).rejects.toThrow(
      "not offered",
    );
    await expect(client.readResource({ uri: `mcpctl://results/${_resultId}/2` })).rejects.toThrow(
      "there is no resource",
    );
  });
});
