import { describe, expect, it } from "vitest";
import { groupOf } from "../../../../src/server/mcp/caller-group.ts";
import type { Instance } from "../../../../src/server/mcp/instances/instance.ts";
import { InstanceGroups } from "../../../../src/server/mcp/instances/instance-groups.ts";
import type { McpCaller } from "../../../../src/server/mcp/types.ts";

function caller(userId: string, session = "s"): McpCaller {
  return { principal: { id: userId, userId }, session, capabilities: {} } as unknown as McpCaller;
}

describe("groupOf", () => {
  it("keeps apart sessions of the same id that belong to different callers (T151)", () => {
    const keys = ["alice", "bob"].map((user) => groupOf("session", caller(user, "same")).key);
    expect(new Set(keys).size).toBe(2);
    expect(groupOf("shared", caller("alice")).key).toBe("");
  });
});

describe("InstanceGroups", () => {
  function groups() {
    const all = new InstanceGroups();
    const ended: string[] = [];
    let clock = 0;
    const use = (user: string, session: string, load = 0) => {
      const group = groupOf("session", caller(user, session));
      const make = () => ({ key: group.key, usedAt: ++clock, queue: { load } }) as unknown as Instance;
      return all.of(group, 1, make, (one) => ended.push(one.key))[0]!;
    };
    return { all, ended, use };
  }

  it("gives one user ten instances of a server, and ends the one that was idle for the longest time", () => {
    const { all, ended, use } = groups();
    const first = use("alice", "0");
    for (let i = 1; i < 10; i++) use("alice", `${i}`);
    expect(use("alice", "0")).toBe(first);
    expect(ended).toEqual([]);
    use("bob", "0");
    expect(ended).toEqual([]);
    use("alice", "10");
    expect(ended).toEqual(["alice 0"]);
    expect(all.all).toHaveLength(11);
  });

  it("refuses an eleventh while all ten have calls under way", () => {
    const { use } = groups();
    for (let i = 0; i < 10; i++) use("alice", `${i}`, 1);
    expect(() => use("alice", "10")).toThrow("you use 10 instances of this MCP server at the same time");
  });

  it("ends no instance of others to make room (T151)", () => {
    const { ended, use } = groups();
    for (let i = 0; i < 100; i++) use(`user${i}`, "s");
    expect(() => use("newcomer", "s")).toThrow("100 instances of this MCP server are in use");
    expect(ended).toEqual([]);
  });
});
