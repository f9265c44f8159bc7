import { describe, expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { goodProvider, reply } from "../../support/upstream.ts";
import { events, lastEvent, question, withProvider } from "./setup.ts";

const price = { input: 1000, output: 2000 };

describe("limits on calls", () => {
  it("refuse a call before it is sent, with the limit and retry-after, in each dialect, and record it", async () => {
    const { provider, server } = await withProvider(goodProvider);
    const limits = { requestsPerMinute: 2 };
    const roleBindings = [{ role: "run", resource: "llms" }];
    const { body } = await must(
      server.admin("POST", "/api/v1/tokens", { name: "small", roleBindings, limits }),
    );
    const call = server.as(body.token);
    for (let i = 0; i < 2; i++)
      expect((await call("POST", "/v1/chat/completions", question)).status).toBe(200);
    const chat = await call("POST", "/v1/chat/completions", question);
    expect([chat.status, chat.body.error.message]).toEqual([
      429,
      expect.stringMatching(
        /^token "small" has used 2 of its 2 requests of a minute; there is room in \d+ s$/,
      ),
    ]);
    expect(Number(chat.headers.get("retry-after"))).toBeGreaterThan(50);
    const messages = await call("POST", "/v1/messages", { ...question, max_tokens: 9 });
    expect([messages.status, messages.body.error.type]).toEqual([429, "rate_limit_error"]);
    expect(provider.seen.filter(({ method }) => method === "POST")).toHaveLength(2);
    expect(await lastEvent(server)).toMatchObject({ status: 429, error: "too_many_requests", llm: "gpt" });
    expect(await events(server)).toHaveLength(4);
  });

  it("count the real usage of calls, streamed or not, and keep it over a restart", async () => {
    const { server, bearer } = await withProvider(goodProvider, { price });
    const call = server.as(bearer);
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { tokensPerDay: 1_000_000 } }));
    await must(call("POST", "/v1/chat/completions", question));
    await must(call("POST", "/v1/chat/completions", { ...question, stream: true }));
    const [line] = (await must(server.admin("GET", "/api/v1/usage?by=token,llm"))).body;
    expect(line).toMatchObject({ token: "t", llm: "gpt", requests: 2, errors: 0 });
    const tokens = line.promptTokens + line.completionTokens;
    expect(tokens).toBeGreaterThan(0);
    expect(line.cost).toBeCloseTo((line.promptTokens * 1000 + line.completionTokens * 2000) / 1e6, 6);
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { tokensPerDay: tokens } }));
    expect((await call("POST", "/v1/chat/completions", question)).status).toBe(429);
  });

  it("in dollars refuse an llm without a price, and calls when the budget is spent", async () => {
    const { server, call } = await withProvider(goodProvider, { model: "nobody-knows" });
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { costPerMonth: 0.5 } }));
    const unpriced = await call("POST", "/v1/chat/completions", question);
    expect([unpriced.status, unpriced.body.error.message]).toEqual([
      403,
      expect.stringContaining('llm "gpt" has no price'),
    ]);
    await must(server.admin("PUT", "/api/v1/llms/gpt", { price: { input: 1, output: 1_000_000 } }));
    await must(call("POST", "/v1/chat/completions", { ...question, max_tokens: 1 }));
    const spent = await call("POST", "/v1/chat/completions", { ...question, max_tokens: 1 });
    expect([spent.status, spent.body.error.message]).toEqual([
      429,
      expect.stringContaining("of its $0.50 of this month"),
    ]);
  });

  it("release the reservation when a call fails", async () => {
    const { server, call } = await withProvider((_, connection) =>
      connection.write(reply(400, { error: "no" })),
    );
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { tokensPerDay: 3000 } }));
    for (let i = 0; i < 10; i++)
      expect((await call("POST", "/v1/chat/completions", question)).status).toBe(400);
  });
});

it.each([
  [{ input: 1 }, "/price/output"],
  [{ input: -1, output: 1 }, "/price/input"],
  [{ input: 1, output: 1, cached: 1 }, "/price/cached"],
  ["free", "/price"],
])("PUT of an llm with the price %j returns 400", async (price, path) => {
  const { server } = await withProvider(goodProvider);
  const { status, body } = await server.admin("PUT", "/api/v1/llms/gpt", { price });
  expect([status, body.details[0].path]).toEqual([400, path]);
});

it("GET /api/v1/prices returns the list prices with date and page, and what each llm pays and why", async () => {
  const { server } = await withProvider(goodProvider);
  const { body } = await must(server.admin("GET", "/api/v1/prices"));
  expect(body.asOf).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(body.models).toContainEqual({
    provider: "anthropic",
    model: "claude-opus-5",
    price: { input: 5, output: 25, cachedInput: 0.5 },
    source: expect.stringContaining("https://"),
  });
  const prices = async (query: string) => (await must(server.admin("GET", `/api/v1/prices?${query}`))).body;
  const { llms, models } = await prices("llm=gpt");
  expect(models).toEqual([]);
  expect(llms).toMatchObject([{ llm: "gpt", price: null, rates: null, source: "unpriced" }]);
  await must(server.admin("PUT", "/api/v1/llms/gpt", { price: { input: 1, output: 2 } }));
  expect((await prices("llm=gpt")).llms).toMatchObject([
    { source: "llm", price: { input: 1, output: 2 }, rates: { cachedInput: 1, cacheWrite: 1 } },
  ]);
  const some = (await prices("model=gpt-4.1,o3")).models.map(({ model }: { model: string }) => model);
  expect(some).toEqual(expect.arrayContaining(["gpt-4.1-mini", "o3"]));
  expect(some).not.toContain("gpt-4o");
  expect((await server.admin("GET", "/api/v1/prices?llm=nope")).status).toBe(404);
});

it("GET /api/v1/prices shows nobody an llm that they may neither see nor run", async () => {
  const { server } = await withProvider(goodProvider, { visibility: "private" });
  const { call } = await server.user("eve", [{ role: "run", resource: "agents" }]);
  expect((await must(call("GET", "/api/v1/prices"))).body.llms).toEqual([]);
  expect((await call("GET", "/api/v1/prices?llm=gpt")).status).toBe(404);
});

it("GET /api/v1/prices shows who may only call an llm its price, without its address and its model (T251)", async () => {
  const { server, provider, call } = await withProvider(goodProvider);
  const nobody = await server.user("eve");
  expect((await must(nobody.call("GET", "/api/v1/prices"))).body.llms).toEqual([]);
  const read = async () => (await must(call("GET", "/api/v1/prices"))).body.llms;
  const hidden = { llm: "gpt", type: "openai", model: "" };
  expect(await read()).toMatchObject([
    { ...hidden, source: "unpriced", reason: expect.stringContaining("no price") },
  ]);
  expect(JSON.stringify(await read())).not.toContain(provider.url);
  await must(server.admin("PUT", "/api/v1/llms/gpt", { price: { input: 1, output: 2 } }));
  expect(await read()).toMatchObject([{ ...hidden, price: { input: 1, output: 2 } }]);
  expect((await must(call("GET", "/api/v1/prices?model=up"))).body.llms).toEqual([]);
  expect((await must(call("GET", "/api/v1/prices?llm=gpt"))).body.llms).toHaveLength(1);
});

it("usage and audit say that a call is unpriced, and not that it cost nothing (T126)", async () => {
  const { server, bearer } = await withProvider(goodProvider);
  const call = server.as(bearer);
  await must(call("POST", "/v1/chat/completions", question));
  const line = async () => (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body[0];
  expect(await line()).toMatchObject({ llm: "gpt", requests: 1, cost: null, unpriced: 1 });
  const event = async () => (await must(server.admin("GET", "/api/v1/audit?llm=gpt"))).body[0];
  expect(await event()).not.toHaveProperty("cost");
  await must(server.admin("PUT", "/api/v1/llms/gpt", { price }));
  await must(call("POST", "/v1/chat/completions", question));
  expect((await event()).cost).toBeGreaterThan(0);
  expect((await line()).cost).toBeGreaterThan(0);
});

it.each([
  ["user", "users/admin"],
  ["group", "groups/g"],
])("a limit in dollars on a %s warns of llms without a price, and of no others", async (_, path) => {
  const { server } = await withProvider(goodProvider);
  await must(server.admin("POST", "/api/v1/groups", { name: "g", members: [] }));
  const limit = (limits: object) => must(server.admin("PUT", `/api/v1/${path}`, { limits }));
  expect((await limit({ costPerDay: 1 })).body.warnings).toEqual([
    expect.stringContaining("refuses calls of llms without a price: gpt;"),
  ]);
  expect((await limit({ tokensPerDay: 1 })).body).not.toHaveProperty("warnings");
  await must(server.admin("PUT", "/api/v1/llms/gpt", { price }));
  expect((await limit({ costPerDay: 1 })).body).not.toHaveProperty("warnings");
});
