import { expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
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
      "alice   gpt   1200       3        10       5            2        $0.1235\n" +
      "bob     -     1200       3        10       5            2        $0.0000\n",
    stderr: "",
  });
  expect(server.requests).toEqual(["GET /api/v1/usage?by=user%2Cllm&since=2026-11-01"]);
});

it("get usage names calls without a price instead of showing that they cost nothing", async () => {
  const some = [
    { user: "alice", ...sums, unpriced: 0 },
    { user: "bob", ...sums, unpriced: 7 },
    { user: "carol", ...sums, cost: null, unpriced: 1200 },
  ];
  const { stdout } = await cli("get usage", { server: fakeApi({ "GET /api/v1/usage": some }) });
  const costs = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/ {2,}/).at(-1));
  expect(costs).toEqual(["COST", "$0.1235", "$0.1235 (7 unpriced)", "unpriced"]);
});

it("get usage prints JSON and YAML, and reports an empty period", async () => {
  const server = fakeApi({ "GET /api/v1/usage": lines });
  expect(JSON.parse((await cli("get usage -o json", { server })).stdout)).toEqual(lines);
  expect((await cli("get usage -o yaml", { server })).stdout).toContain("- user: alice\n");
  expect((await cli(["get", "usage", "-o", "jsonpath={[*].requests}"], { server })).stdout).toBe("1200 1200");
  const empty = await cli("get usage", { server: fakeApi({ "GET /api/v1/usage": [] }) });
  expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, "", "No calls in this period.\n"]);
});

it("get usage has flags that other kinds do not have", async () => {
  const help = await cli("get usage --help");
  expect(help.stdout).toContain("--by WORDS");
  expect((await cli("get llms --by user")).code).toBe(2);
  expect((await cli("get usage -o name", { server: fakeApi({}) })).code).toBe(2);
});
