import { describe, expect, it } from "vitest";
import type { Limits } from "../../../../src/kinds/limits.ts";
import type { Principal } from "../../../../src/server/core/access/policy.ts";
import type { Catalogue } from "../../../../src/server/core/catalogue/catalogue.ts";
import type { CallCount } from "../../../../src/server/core/store/call-count.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import { McpCallLimiter } from "../../../../src/server/mcp/limits/call-limiter.ts";
import { errorOf } from "../../../support/error-of.ts";
import { row } from "../../../support/row.ts";

/** Alice with a token, Bob, and a group of both, each with the given limits. */
function house(
  limits: { alice?: Limits; token?: Limits; friends?: Limits },
  recorded: (since: number) => readonly (Omit<CallCount, "last"> & Partial<CallCount>)[] = () => [],
) {
  const clock = { now: Date.parse("2026-11-21T23:59:00Z"), elapsed: 0 };
  const asked: number[] = [];
  const spec = (given: Limits | undefined, more = {}) => ({
    spec: { ...more, ...(given && { limits: given }) },
  });
  const rows = [
    row("usr_1", "user", "alice", spec(limits.alice)),
    row("usr_2", "user", "bob"),
    row("tok_1", "token", "laptop", spec(limits.token)),
    row("grp_1", "group", "friends", spec(limits.friends, { members: ["alice", "bob"] })),
  ];
  const contents = { revision: 1, rows, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] };
  const countCalls = async (since: number) => {
    asked.push(since);
    return recorded(since).map((one) => ({ last: clock.now, ...one }));
  };
  const catalogue = { snapshot: new Snapshot(contents), store: { countCalls } } as unknown as Catalogue;
  const limiter = new McpCallLimiter(
    catalogue,
    () => clock.now,
    () => clock.elapsed,
  );
  const principal = (kind: "User" | "Token", id: string, userId: string): Principal => ({
    kind,
    id,
    userId,
    name: id,
    userName: userId,
    groups: [],
    policies: [],
  });
  const refusal = async (of: Principal) => {
    const { message, code, retryAfter } = await errorOf(() => limiter.admit(of));
    return { message, code, retryAfter };
  };
  return {
    clock,
    asked,
    limiter,
    refusal,
    alice: principal("User", "usr_1", "usr_1"),
    bob: principal("User", "usr_2", "usr_2"),
    token: principal("Token", "tok_1", "usr_1"),
  };
}

describe("limits on MCP calls", () => {
  it("refuse what is beyond the calls of a minute, and say when to come again", async () => {
    const { limiter, refusal, clock, alice, bob } = house({ alice: { mcpCallsPerMinute: 2 } });
    limiter.admit(alice);
    clock.elapsed = 10_000;
    limiter.admit(alice);
    expect(await refusal(alice)).toEqual({
      code: "too_many_requests",
      message: 'user "alice" has used 2 of its 2 MCP calls of a minute; there is room in 51 s',
      retryAfter: 51,
    });
    limiter.admit(bob);
    // A refused call does not count.
    clock.elapsed = 61_000;
    limiter.admit(alice);
    expect((await refusal(alice)).code).toBe("too_many_requests");
  });

  it("refuse what is beyond the calls of a day until the next one begins, also when the clock goes back", async () => {
    const { limiter, refusal, clock, alice } = house({ alice: { mcpCallsPerDay: 2 } });
    limiter.admit(alice);
    limiter.admit(alice);
    expect(await refusal(alice)).toMatchObject({
      message:
        'user "alice" has used 2 of its 2 MCP calls of today; the limit resets at 2026-11-22T00:00:00Z',
      retryAfter: 60,
    });
    clock.now += 60_000;
    limiter.admit(alice);
    clock.now -= 60_000;
    expect((await refusal(alice)).code).toBe("too_many_requests");
  });

  it("of a token count its calls, and those of its user count them too", async () => {
    const { limiter, refusal, alice, token } = house({
      token: { mcpCallsPerDay: 1 },
      alice: { mcpCallsPerDay: 3 },
    });
    limiter.admit(token);
    expect((await refusal(token)).message).toContain('token "laptop"');
    limiter.admit(alice);
    limiter.admit(alice);
    expect((await refusal(alice)).message).toContain('user "alice"');
  });

  it("of a group hold for its members together", async () => {
    const { limiter, refusal, alice, bob, token } = house({ friends: { mcpCallsPerMinute: 3 } });
    for (const one of [alice, bob, token]) limiter.admit(one);
    for (const one of [alice, bob, token]) expect((await refusal(one)).message).toContain('group "friends"');
  });

  it("do not hold for those who have none, or only limits on llms", () => {
    const { limiter, alice, bob } = house({ alice: { requestsPerMinute: 1, tokensPerDay: 1 } });
    for (let i = 0; i < 100; i++) for (const one of [alice, bob]) limiter.admit(one);
  });

  it("count the calls of today that are on record after a restart", async () => {
    const midnight = Date.parse("2026-11-21T00:00:00Z");
    const recorded = (since: number) =>
      since > midnight
        ? []
        : [
            { userId: "usr_1", tokenId: "tok_1", count: 1 },
            { userId: "usr_1", tokenId: null, count: 1 },
            { userId: null, tokenId: null, count: 1 },
          ];
    const { limiter, refusal, asked, alice, token } = house(
      { alice: { mcpCallsPerDay: 3 }, token: { mcpCallsPerDay: 2 } },
      recorded,
    );
    await limiter.load();
    await limiter.load();
    expect(asked[0]).toBe(midnight);
    limiter.admit(token);
    expect((await refusal(token)).message).toContain('token "laptop"');
    expect((await refusal(alice)).message).toContain('user "alice"');
  });

  it("count the calls of the last minute that are on record after a restart", async () => {
    let count = 2;
    const midnight = Date.parse("2026-11-21T00:00:00Z");
    const recorded = (since: number) => (since > midnight ? [{ userId: "usr_1", tokenId: null, count }] : []);
    const { limiter, refusal, alice } = house(
      { alice: { mcpCallsPerMinute: 3, mcpCallsPerDay: 4 } },
      recorded,
    );
    await limiter.load();
    limiter.admit(alice);
    expect((await refusal(alice)).message).toContain("has used 3 of its 3 MCP calls of a minute");
    count = 0;
    await limiter.learn();
    limiter.admit(alice);
    expect((await refusal(alice)).message).toContain("has used 4 of its 4 MCP calls of today");
  });

  it("say when there is room again where the calls of the minute were let in before a restart, or elsewhere", async () => {
    const recorded = () => [
      { userId: "usr_1", tokenId: null, count: 2, last: Date.parse("2026-11-21T23:58:40Z") },
    ];
    const { limiter, refusal, clock, alice } = house({ alice: { mcpCallsPerMinute: 2 } }, recorded);
    await limiter.load();
    expect((await refusal(alice)).retryAfter).toBe(40);
    const limits = { mcpCallsPerMinute: 2 };
    const holder = { row: row("usr_1", "user", "alice"), limits, accounts: ["usr_1"] };
    expect(limiter.standing(holder)).toMatchObject([{ used: 2, resetsAt: clock.now + 40_000 }]);
  });

  it("read nothing where nobody has such a limit", async () => {
    const { limiter, asked } = house({ alice: { requestsPerMinute: 1 } });
    await limiter.load();
    expect(asked).toEqual([]);
  });

  it("count the calls that other servers on the database have let in, and the own ones once (failure mode 199)", async () => {
    let ofAll = 0;
    const { limiter, refusal, clock, alice, bob } = house({ friends: { mcpCallsPerMinute: 10 } }, () => [
      { userId: "usr_2", tokenId: null, count: ofAll },
    ]);
    for (let i = 0; i < 3; i++) limiter.admit(bob);
    // Three of them are the own ones.
    ofAll = 8;
    await limiter.learn();
    limiter.admit(alice);
    limiter.admit(bob);
    expect((await refusal(alice)).message).toContain('group "friends"');
    // They are over by now, and the own ones too.
    ofAll = 0;
    clock.elapsed = 62_000;
    await limiter.learn();
    limiter.admit(alice);
  });

  it("count a day with the calls of other servers, from its begin to now", async () => {
    const begins = new Set<number>();
    const { limiter, refusal, clock, alice } = house({ alice: { mcpCallsPerDay: 5 } }, (since) => {
      begins.add(since);
      const isMorning = since === Date.parse("2026-11-21T00:00:00Z");
      return [{ userId: "usr_1", tokenId: null, count: isMorning ? 3 : 1 }];
    });
    await limiter.learn();
    limiter.admit(alice);
    expect((await refusal(alice)).message).toContain("used 5 of its 5 MCP calls of today");
    // The morning is counted once.
    const count = begins.size;
    clock.now += 1000;
    await limiter.learn();
    expect(begins.size).toBe(count + 1);
    // The next day begins without them.
    clock.now += 60_000;
    limiter.admit(alice);
  });

  it("ask the database nothing of other servers where nobody has such a limit", async () => {
    const { limiter, asked } = house({ alice: { requestsPerMinute: 1 } });
    await limiter.learn();
    expect(asked).toEqual([]);
  });
});
