import { expect, it } from "vitest";
import type { Limits } from "../../../../src/kinds/limits.ts";
import type { Principal } from "../../../../src/server/core/access/policy.ts";
import type { Catalogue } from "../../../../src/server/core/catalogue/catalogue.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { UsageRow } from "../../../../src/server/core/store/types.ts";
import { type Admission, Limiter } from "../../../../src/server/inference/limits/limiter.ts";
import { row } from "../../../support/row.ts";

const priced = row("llm_1", "llm", "gpt", {
  spec: { type: "openai", model: "m", price: { input: 1, output: 10 } },
});
const unpriced = row("llm_2", "llm", "new", { spec: { type: "openai", model: "m" } });

interface Holders {
  alice?: Limits;
  bob?: Limits;
  token?: Limits;
  friends?: Limits;
}

/** Alice with a token, Bob, and a group of both, each with the given limits. */
function house(limits: Holders, recorded: UsageRow[] = []) {
  const clock = { now: Date.parse("2026-11-21T12:00:00Z"), elapsed: 0 };
  const spec = (given: Limits | undefined, more = {}) => ({
    spec: { ...more, ...(given && { limits: given }) },
  });
  const rows = [
    row("usr_1", "user", "alice", spec(limits.alice)),
    row("usr_2", "user", "bob", spec(limits.bob)),
    row("tok_1", "token", "laptop", spec(limits.token)),
    row("grp_1", "group", "friends", spec(limits.friends, { members: ["alice", "bob"] })),
  ];
  const contents = { revision: 1, rows, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] };
  const catalogue = { snapshot: new Snapshot(contents), store: { usage: async () => recorded } };
  const limiter = new Limiter(
    catalogue as unknown as Catalogue,
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
  return {
    clock,
    limiter,
    alice: principal("User", "usr_1", "usr_1"),
    bob: principal("User", "usr_2", "usr_2"),
    token: principal("Token", "tok_1", "usr_1"),
  };
}

const used = (tokens: number) => ({ promptTokens: tokens, completionTokens: 0, cachedTokens: 0 });

function refusalOf(work: () => unknown): { message: string; retryAfter?: number; code: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { message: string; code: string };
  }
}

it("admits every call of a user without limits", () => {
  const { limiter, alice } = house({ bob: { requestsPerMinute: 1 } });
  for (let i = 0; i < 1000; i++) limiter.admit(alice, [unpriced], 250_000, undefined);
});

it("counts requests in any 60 seconds, and returns retry-after", () => {
  const { limiter, alice, clock } = house({ alice: { requestsPerMinute: 3 } });
  for (let i = 0; i < 3; i++) {
    limiter.admit(alice, [priced], 1, 1).settle(priced, used(1));
    clock.elapsed += 10_000;
  }
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))).toMatchObject({
    code: "too_many_requests",
    message: 'user "alice" has used 3 of its 3 requests of a minute; there is room in 31 s',
    retryAfter: 31,
  });
  clock.elapsed += 31_000;
  limiter.admit(alice, [priced], 1, 1);
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))).toBeDefined();
});

it("reserves an estimate for a call until its usage is known", () => {
  const { limiter, alice } = house({ alice: { tokensPerDay: 1000 } });
  const first = limiter.admit(alice, [priced], 300, 500);
  expect(refusalOf(() => limiter.admit(alice, [priced], 300, 500))?.message).toBe(
    'user "alice" has used 0 of its 1,000 tokens of today, calls under way hold 800, and this call asks for 800; ' +
      "the limit resets at 2026-11-22T00:00:00Z",
  );
  first.settle(priced, used(100));
  first.settle(priced, used(100_000));
  limiter.admit(alice, [priced], 300, 500);
  expect(refusalOf(() => limiter.admit(alice, [priced], 300, 500))).toBeDefined();
});

it("counts days and months in UTC, and starts each at zero", () => {
  const { limiter, alice, clock } = house({ alice: { tokensPerDay: 1000, tokensPerMonth: 1500 } });
  limiter.admit(alice, [priced], 1, 1).settle(priced, used(1000));
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))).toMatchObject({
    message: expect.stringContaining(
      "has used 1,000 of its 1,000 tokens of today and this call asks for 2; the limit resets at 2026-11-22T00:00:00Z",
    ),
    retryAfter: 12 * 60 * 60,
  });
  clock.now = Date.parse("2026-11-22T00:00:00Z");
  limiter.admit(alice, [priced], 1, 1).settle(priced, used(500));
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))).toMatchObject({
    message: expect.stringContaining("has used 1,500 of its 1,500 tokens of this month"),
    retryAfter: 9 * 24 * 60 * 60,
  });
  clock.now = Date.parse("2026-12-01T00:00:00Z");
  limiter.admit(alice, [priced], 1, 1);
});

it("counts dollars by the price of the llm that answered, and refuses an llm without a price", () => {
  const { limiter, alice } = house({ alice: { costPerDay: 0.01 } });
  limiter
    .admit(alice, [priced], 1, 1)
    .settle(priced, { promptTokens: 1000, completionTokens: 900, cachedTokens: 0 });
  expect(refusalOf(() => limiter.admit(alice, [priced], 100, 10))?.message).toMatch(
    /^user "alice" has used \$0\.01 of its \$0\.01 of today and this call asks for \$0\.00\d+; /,
  );
  expect(refusalOf(() => limiter.admit(alice, [unpriced], 1, 1))).toMatchObject({
    code: "forbidden",
    message: 'user "alice" has a limit in dollars, and llm "new" has no price',
  });
});

it("reserves the cost of the most expensive member of a pool, and refuses a pool with a member without a price", () => {
  const dear = row("llm_3", "llm", "dear", {
    spec: { type: "openai", model: "m", price: { input: 1000, output: 1000 } },
  });
  const { limiter, alice } = house({ alice: { costPerDay: 1.5 } });
  limiter.admit(alice, [priced, dear], 1, 999);
  expect(refusalOf(() => limiter.admit(alice, [priced, dear], 1, 999))?.code).toBe("too_many_requests");
  expect(refusalOf(() => limiter.admit(alice, [priced, unpriced], 1, 1))).toMatchObject({
    code: "forbidden",
    message: expect.stringContaining('llm "new" has no price'),
  });
});

it("counts a token's calls against the token, its maker and the maker's groups", () => {
  for (const [holder, message] of [
    ["token", 'token "laptop" has used 100 of its 100 tokens'],
    ["alice", 'user "alice" has used 100 of its 100 tokens'],
    ["friends", 'group "friends" has used 100 of its 100 tokens'],
  ] as const) {
    const { limiter, token, alice } = house({ [holder]: { tokensPerDay: 100 } });
    limiter.admit(token, [priced], 1, 1).settle(priced, used(100));
    expect(refusalOf(() => limiter.admit(token, [priced], 1, 1))?.message).toContain(message);
    expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1)) === undefined).toBe(holder === "token");
  }
});

it("counts the calls of all members of a group against the limits of the group", () => {
  const { limiter, alice, bob } = house({ friends: { requestsPerMinute: 2 } });
  limiter.admit(alice, [priced], 1, 1);
  limiter.admit(bob, [priced], 1, 1);
  for (const one of [alice, bob])
    expect(refusalOf(() => limiter.admit(one, [priced], 1, 1))?.message).toContain('group "friends"');
});

const noUnits = { unpriced: 0, images: 0, seconds: 0, characters: 0, searches: 0 };

it("continues with the recorded usage of this month", async () => {
  const line = {
    ...noUnits,
    userId: "usr_1",
    tokenId: "",
    llm: "gpt",
    requests: 1,
    errors: 0,
    cachedTokens: 0,
  };
  const { limiter, alice } = house({ alice: { tokensPerDay: 100, tokensPerMonth: 500 } }, [
    { ...line, day: "2026-11-03", promptTokens: 300, completionTokens: 100, costMicros: 1 },
    { ...line, day: "2026-11-21", promptTokens: 40, completionTokens: 50, costMicros: 1 },
  ]);
  await limiter.load();
  limiter.admit(alice, [priced], 1, 1).settle(priced, used(10));
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))?.message).toContain("100 tokens of today");
});

it.each([
  ["the day before", "2026-11-20T12:00:00Z"],
  ["the last month", "2026-10-31T12:00:00Z"],
])("gives no second allowance when the clock is set back to %s and forward again (T91)", (_when, back) => {
  const { limiter, alice, clock } = house({ alice: { tokensPerDay: 100, tokensPerMonth: 100 } });
  const spend = () => limiter.admit(alice, [priced], 1, 1).settle(priced, used(100));
  const today = clock.now;
  spend();
  clock.now = Date.parse(back);
  refusalOf(spend);
  expect(refusalOf(spend)?.message).toMatch(/100 tokens of (today|this month)/);
  clock.now = today;
  expect(refusalOf(spend)?.message).toContain("100 tokens of today");
});

it("counts what is on record for a day to which the clock is set back (T91)", async () => {
  const line = {
    ...noUnits,
    userId: "usr_1",
    tokenId: "",
    llm: "gpt",
    requests: 1,
    errors: 0,
    cachedTokens: 0,
  };
  const { limiter, alice, clock } = house({ alice: { tokensPerDay: 100 } }, [
    { ...line, day: "2026-11-20", promptTokens: 100, completionTokens: 0, costMicros: 1 },
  ]);
  await limiter.load();
  limiter.admit(alice, [priced], 1, 1);
  clock.now -= 24 * 60 * 60 * 1000;
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))?.message).toContain("100 tokens of today");
});

it("starts with the use on record of a month that the clock is set to (T91)", async () => {
  const line = {
    ...noUnits,
    userId: "usr_1",
    tokenId: "",
    llm: "gpt",
    requests: 1,
    errors: 0,
    cachedTokens: 0,
  };
  const recorded = { ...line, day: "2025-01-05", promptTokens: 100, completionTokens: 0, costMicros: 1 };
  const { limiter, alice, clock } = house({ alice: { tokensPerMonth: 100 } }, [recorded]);
  clock.now = Date.parse("2025-01-06T00:00:00Z");
  await limiter.loadNewMonth();
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))?.message).toContain(
    "100 tokens of this month",
  );
});

it("admits a call whose estimate is larger than the limit if nothing else is used", () => {
  const { limiter, alice } = house({ alice: { tokensPerMinute: 10 } });
  const first = limiter.admit(alice, [priced], 250_000, undefined);
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))).toBeDefined();
  first.settle(priced, used(5));
  limiter.admit(alice, [priced], 1, 1);
});

it("is exceeded at most by the calls in flight, with 200 callers at once", () => {
  const limit = 100_000;
  const { limiter, alice } = house({ alice: { tokensPerDay: limit } });
  const underWay: { admission: Admission; tokens: number }[] = [];
  let total = 0;
  /** The highest total of the calls in flight. */
  let most = 0;
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let call = 0; call < 5000; call++) {
    if (underWay.length === 200 || (underWay.length > 0 && random() < 0.4)) {
      const [{ admission, tokens }] = underWay.splice(Math.floor(random() * underWay.length), 1) as [
        (typeof underWay)[0],
      ];
      admission.settle(priced, used(tokens));
      total += tokens;
      continue;
    }
    const tokens = Math.ceil(random() * 400);
    // The estimate is too low by up to a half.
    const refused = refusalOf(() =>
      underWay.push({ admission: limiter.admit(alice, [priced], tokens / 2, 0), tokens }),
    );
    if (refused) expect(total + sumOf(underWay)).toBeGreaterThan(limit / 2);
    most = Math.max(most, sumOf(underWay));
  }
  for (const { admission, tokens } of underWay) admission.settle(priced, used(tokens));
  total += sumOf(underWay);
  expect(total).toBeGreaterThan(limit * 0.9);
  expect(total).toBeLessThanOrEqual(limit + most);
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 0))).toBeDefined();
});

function sumOf(calls: readonly { tokens: number }[]): number {
  return calls.reduce((sum, { tokens }) => sum + tokens, 0);
}

it("forgets the use of rows that no longer exist, and keeps that of others", () => {
  const { limiter, alice } = house({ alice: { tokensPerDay: 100 } });
  const gone: Principal = { ...alice, kind: "Token", id: "tok_gone" };
  limiter.admit(gone, [priced], 1, 1).settle(priced, used(100));
  limiter.forgetDeleted();
  expect(refusalOf(() => limiter.admit(alice, [priced], 1, 1))?.message).toContain("100 tokens of today");
  expect(refusalOf(() => limiter.admit(gone, [priced], 1, 1))?.message).toContain("100 tokens of today");
});
