import { expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

const rates = { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 };
const answer = {
  asOf: "2026-11-29",
  llms: [
    {
      llm: "claude",
      type: "anthropic",
      model: "claude-x",
      price: {},
      rates,
      source: "list",
      reason: "list price",
    },
    {
      llm: "odd",
      type: "openai",
      model: "m",
      price: null,
      rates: null,
      source: "unpriced",
      reason: "no price",
    },
  ],
  models: [
    { provider: "openai", model: "o3", price: { input: 2, output: 8 }, source: "https://prices.example" },
  ],
};

it("get prices prints llms before the price lists, with their source and date", async () => {
  const server = fakeApi({ "GET /api/v1/prices": answer });
  const { code, stdout, stderr } = await cli("get prices claude o3", { server });
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout:
      "LLM          MODEL      INPUT   OUTPUT   CACHED   WRITE   SOURCE     AS-OF\n" +
      "llm/claude   claude-x   $3      $15      $0.3     $3.75   list       2026-11-29\n" +
      "llm/odd      m          -       -        -        -       unpriced   -\n" +
      "-            o3         $2      $8       -        -       openai     2026-11-29\n",
    stderr: "",
  });
  expect(server.requests).toEqual(["GET /api/v1/prices?model=claude%2Co3"]);
});

it("get prices --llm says why an llm has its price, and -o wide has all rates", async () => {
  const server = fakeApi({ "GET /api/v1/prices": { ...answer, models: [] } });
  const { stdout, stderr } = await cli("get prices --llm claude -o wide", { server });
  expect(stdout).toContain("WRITE-1H");
  expect(stdout).toContain("$6");
  expect(stderr).toContain("llm 'claude': list price\n");
  expect(server.requests).toEqual(["GET /api/v1/prices?llm=claude"]);
});

it("get prices prints JSON and YAML, and says if nothing has a price", async () => {
  const server = fakeApi({ "GET /api/v1/prices": answer });
  expect(JSON.parse((await cli("get prices -o json", { server })).stdout)).toEqual(answer);
  expect((await cli("get prices -o yaml", { server })).stdout).toContain("asOf:");
  expect((await cli("get prices -o name", { server })).code).toBe(2);
  const empty = fakeApi({ "GET /api/v1/prices": { ...answer, llms: [], models: [] } });
  expect((await cli("get prices nope", { server: empty })).stderr).toContain("No such model has a price");
});
