import { expect, it } from "vitest";
import { alice, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const sums = {
  requests: 1200,
  errors: 3,
  promptTokens: 10,
  completionTokens: 5,
  cachedTokens: 2,
  cost: 0.123456,
};
const lines = [
  { user: "alice", llm: "gpt", ...sums },
  { user: "bob", llm: null, ...sums, cost: 0 },
];

it("get usage prints the sums of calls in the wanted groups", async () => {
  const server = fakeApi({ "GET /api/v1/usage": lines });
  const { code, stdout, stderr } = await cli("get usage --by user,llm --since 2026-11-01", { server });
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout:
      "USER    LLM   REQUESTS   ERRORS   PROMPT   COMPLETION   CACHED   COST\n" +
      "alice   gpt   1,200      3        10       5            2        $0.1235\n" +
      "bob     -     1,200      3        10       5            2        $0.0000\n" +
      "TOTAL         2,400      6        20       10           4        $0.1235\n",
    stderr: "",
  });
  expect(server.requests).toEqual(["GET /api/v1/usage?by=user%2Cllm&since=2026-11-01"]);
});

it("get usage warns of names that nobody has where there are no calls", async () => {
  const server = fakeApi({
    "GET /api/v1/usage": [],
    "GET /api/v1/users": rows("user", { name: "alice" }),
    "GET /api/v1/llms": [],
  });
  const { code, stderr } = await cli("get usage --user alcie --llm gtp", { server });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      "No calls in this period.\n" +
      'warning: there is no llm or pool now with the name "gtp"\n' +
      'warning: there is no user now with the name "alcie"; did you mean "alice"?\n',
  });
});

it("get usage marks deleted users, and shows the ids of those that had one name", async () => {
  const some = [
    { ...lines[0], llm: undefined, user: "alice" },
    {
      ...lines[0],
      llm: undefined,
      user: "alice",
      userId: "usr_1",
      userDeletedAt: "2026-11-21T12:00:00.000Z",
    },
    { ...lines[0], llm: undefined, user: "bob", userId: "usr_2", userDeletedAt: "2026-11-21T12:00:00.000Z" },
  ];
  const { stdout } = await cli("get usage", { server: fakeApi({ "GET /api/v1/usage": some }) });
  const users = stdout.split("\n").map((line) => line.split("   ")[0]!.trim());
  expect(users.slice(1, 4)).toEqual(["alice", "alice (deleted, usr_1)", "bob (deleted)"]);
});

it("get usage names calls without a price instead of showing that they cost nothing", async () => {
  const some = [
    { user: "alice", ...sums, unpriced: 0 },
    { user: "bob", ...sums, unpriced: 7 },
    { user: "carol", ...sums, cost: null, unpriced: 1200 },
  ];
  const total = "$0.2469 (1207 unpriced)";
  const { stdout } = await cli("get usage", { server: fakeApi({ "GET /api/v1/usage": some }) });
  const costs = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/ {2,}/).at(-1));
  expect(costs).toEqual(["COST", "$0.1235", "$0.1235 (7 unpriced)", "unpriced", total]);
});

it("get usage prints JSON and YAML, and reports an empty period", async () => {
  const server = fakeApi({ "GET /api/v1/usage": lines });
  expect(JSON.parse((await cli("get usage -o json", { server })).stdout)).toEqual(lines);
  expect((await cli("get usage -o yaml", { server })).stdout).toContain("- user: alice\n");
  expect((await cli(["get", "usage", "-o", "jsonpath={[*].requests}"], { server })).stdout).toBe("1200 1200");
  const empty = await cli("get usage", { server: fakeApi({ "GET /api/v1/usage": [] }) });
  expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, "", "No calls in this period.\n"]);
});

it("get usage NAME asks for one user, and takes 7d ago for a day", async () => {
  const server = fakeApi({ "GET /api/v1/usage": lines.slice(0, 1) });
  const { stdout } = await cli("get usage alice --since 7d --until 1d", { server });
  expect(server.requests).toEqual(["GET /api/v1/usage?since=2026-11-14&until=2026-11-20&user=alice"]);
  expect(stdout).not.toContain("TOTAL");
  for (const line of [
    "get usage alice bob",
    "get usage alice --user bob",
    "get usage --since tomorrow",
    "get usage --since 2026-13-01",
    "get usage --until 2026-02-30",
    "get usage --since 1d --until 7d",
  ])
    expect([line, (await cli(line, { server })).code]).toEqual([line, 2]);
  expect(server.requests).toHaveLength(1);
});

const limits = [
  {
    kind: "user",
    name: "alice",
    limit: "tokensPerDay",
    used: 1_200_000,
    reserved: 34,
    max: 2_000_000,
    resetsAt: "2026-11-22T00:00:00.000Z",
  },
  {
    kind: "group",
    name: "friends",
    limit: "costPerMonth",
    used: 19.5,
    reserved: 0,
    max: 20,
    resetsAt: "2026-12-01T00:00:00.000Z",
  },
  {
    kind: "user",
    name: "alice",
    limit: "requestsPerMinute",
    used: 0,
    reserved: 0,
    max: 60,
    resetsAt: "2026-11-21T12:00:00.000Z",
  },
];

it.each([80, 120, 200])(
  "get usage --mine and --limits show limits with their use at %i columns",
  async (columns) => {
    const server = fakeApi({
      "GET /api/v1/usage": lines.slice(0, 1),
      "GET /api/v1/limits": limits,
      "GET /api/v1/auth/whoami": { ...alice, limits },
    });
    const mine = await cli("get usage --mine", { server, columns });
    expect(server.requests).toContain("GET /api/v1/usage?user=alice");
    expect(server.requests).toContain("GET /api/v1/limits?mine=1");
    expectGolden("usage-mine.txt", mine.stdout);
    const all = await cli("get usage --limits", { server, columns });
    expect(server.requests.at(-1)).toBe("GET /api/v1/limits");
    expect(mine.stdout.endsWith(`\n\n${all.stdout}`)).toBe(true);
    const whoami = await cli("whoami", { server, columns });
    expectGolden("whoami-limits.txt", whoami.stdout.replace(server.url, "http://server"));
  },
);

it("get usage --mine has usage and limits as data, and says that no limits apply", async () => {
  const server = fakeApi({
    "GET /api/v1/usage": lines,
    "GET /api/v1/limits": [],
    "GET /api/v1/auth/whoami": alice,
  });
  expect(JSON.parse((await cli("get usage --mine -o json", { server })).stdout)).toEqual({
    usage: lines,
    limits: [],
  });
  expect((await cli("get usage --mine", { server })).stderr).toBe("No limits apply to you.\n");
  expect((await cli("get usage --limits -o yaml", { server })).stdout).toBe("[]\n");
});

it("get usage has flags that other kinds do not have", async () => {
  const help = await cli("get usage --help");
  expect(help.stdout).toContain("--by WORDS");
  expect((await cli("get llms --by user")).code).toBe(2);
  const refused = await cli("get usage --by user,modle", { server: fakeApi({}) });
  expect([refused.code, refused.stderr]).toEqual([
    2,
    'error: --by: "modle" is not one of day, user, token, llm\nhint: several go with commas: --by user,llm\n',
  ]);
  expect((await cli("get usage --by usr", { server: fakeApi({}) })).stderr).toContain('did you mean "user"?');
  expect((await cli("get usage -o name", { server: fakeApi({}) })).code).toBe(2);
});
