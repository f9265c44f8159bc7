import { expect, it } from "vitest";
import { systemPace } from "../../../../src/server/inference/pace.ts";
import { must, testServer } from "../../../support/server.ts";
import { events, withProvider } from "../setup.ts";
import { keeper } from "./keeper.ts";

const path = "/v1/responses";
const asked = { model: "gpt", input: "a long question", background: true };

async function inBackground(options: object = {}) {
  const { script, kept, end } = keeper();
  const llm = { responses: "stateful", price: { input: 1, output: 2 } };
  return { ...(await withProvider(script, llm, options)), kept, end };
}

const usageOf = async (server: Awaited<ReturnType<typeof inBackground>>["server"]) =>
  (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body[0];

it("books the usage of an answer in the background once, when its caller fetches it", async () => {
  const { server, call, end } = await inBackground();
  expect((await call("POST", path, asked)).body).toMatchObject({ id: "resp_1", status: "queued" });
  expect((await call("GET", `${path}/resp_1`)).body.status).toBe("queued");
  expect(await events(server)).toMatchObject([{ promptTokens: 0, completionTokens: 0 }]);
  end("resp_1");
  for (let n = 0; n < 2; n++) expect((await call("GET", `${path}/resp_1`)).body.status).toBe("completed");
  const [settled, first, ...others] = await events(server);
  expect([settled, first, others]).toMatchObject([
    { promptTokens: 7, completionTokens: 5, cost: 17e-6, detail: { settles: "resp_1" } },
    { promptTokens: 0 },
    [],
  ]);
  await expect
    .poll(() => usageOf(server))
    .toMatchObject({ requests: 1, promptTokens: 7, completionTokens: 5 });
});

it("books what a cancelled answer has used", async () => {
  const { server, call } = await inBackground();
  await call("POST", path, asked);
  expect((await call("POST", `${path}/resp_1/cancel`)).body.status).toBe("cancelled");
  expect(await events(server)).toMatchObject([{ completionTokens: 5 }, { completionTokens: 0 }]);
});

it("books the usage of an answer that nobody fetches, and limits count it (T133)", async () => {
  let now = 0;
  const pace = { ...systemPace, wait: async () => {}, elapsed: () => now };
  const { server, end, provider } = await inBackground({ pace, tick: 20 });
  const { call } = await server.user("ann", [{ role: "run", resource: "llms" }]);
  await must(server.admin("PUT", "/api/v1/users/ann", { limits: { tokensPerDay: 10 } }));
  await call("POST", path, asked);
  end("resp_1");
  expect(provider.seen).toHaveLength(1);
  now += 60_000;
  await expect.poll(async () => (await events(server)).length).toBe(2);
  expect((await call("POST", path, asked)).status).toBe(429);
  expect(provider.seen.map(({ method }) => method)).toEqual(["POST", "GET"]);
});

it("counts a deleted answer as what it can have used, or as what it has used when it had ended (T133)", async () => {
  let now = 0;
  const pace = { ...systemPace, wait: async () => {}, elapsed: () => now };
  const { server, call, end, provider } = await inBackground({ pace });
  await call("POST", path, { ...asked, max_output_tokens: 300 });
  now += 1000;
  expect((await call("DELETE", `${path}/resp_1`)).body.deleted).toBe(true);
  const [estimated] = await events(server);
  expect(estimated).toMatchObject({ completionTokens: 200, detail: { settles: "resp_1", estimated: true } });
  expect(estimated!.promptTokens).toBeGreaterThan(10);
  await call("POST", path, asked);
  end("resp_2");
  await call("DELETE", `${path}/resp_2`);
  const [settled] = await events(server);
  expect(settled).toMatchObject({ promptTokens: 7, completionTokens: 5, detail: { settles: "resp_2" } });
  expect(settled!.detail).not.toHaveProperty("estimated");
  expect(provider.seen.map(({ method }) => method)).toEqual([
    "POST",
    "GET",
    "DELETE",
    "POST",
    "GET",
    "DELETE",
  ]);
});

it("counts an answer that is cancelled without a report, or gone at its provider, by an estimate (T133)", async () => {
  let now = 0;
  const pace = { ...systemPace, wait: async () => {}, elapsed: () => now };
  const { server, call, kept } = await inBackground({ pace, tick: 20 });
  await call("POST", path, { ...asked, max_output_tokens: 300 });
  now += 60_000;
  kept.clear();
  await expect.poll(async () => (await events(server)).length).toBe(2);
  const [gone] = await events(server);
  expect(gone).toMatchObject({ completionTokens: 300, detail: { settles: "resp_1", estimated: true } });
  await call("POST", path, { ...asked, metadata: { cancel: "unreported" } });
  await call("POST", `${path}/resp_2/cancel`);
  const [cancelled] = await events(server);
  expect(cancelled).toMatchObject({ detail: { settles: "resp_2", estimated: true } });
});

it("keeps the reservation of an answer until it has ended, so that many at once do not pass a limit (T133)", async () => {
  const { server, end } = await inBackground();
  const { call } = await server.user("ann", [{ role: "run", resource: "llms" }]);
  await must(server.admin("PUT", "/api/v1/users/ann", { limits: { tokensPerDay: 2500 } }));
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push((await call("POST", path, asked)).status);
  expect(statuses).toEqual([200, 200, 429, 429]);
  end("resp_1");
  expect((await call("GET", `${path}/resp_1`)).body.status).toBe("completed");
  expect((await call("POST", path, asked)).status).toBe(200);
});

it("books a stream in the background once, where it comes to its end", async () => {
  const { server, call } = await inBackground();
  const { text } = await call("POST", path, { ...asked, stream: true });
  expect(text).toContain("response.completed");
  expect((await call("GET", `${path}/resp_1`)).status).toBe(200);
  expect(await events(server)).toMatchObject([{ promptTokens: 7, completionTokens: 5 }]);
});

it("books an answer after a restart of the server, once, and keeps what it has reserved (failure mode 164)", async () => {
  let now = 0;
  const pace = { ...systemPace, wait: async () => {}, elapsed: () => now };
  const { server, end, provider } = await inBackground({ pace });
  const { bearer, call } = await server.user("ann", [{ role: "run", resource: "llms" }]);
  await must(server.admin("PUT", "/api/v1/users/ann", { limits: { tokensPerDay: 1500 } }));
  expect((await call("POST", path, asked)).status).toBe(200);
  const [{ requestId }] = await events(server);
  await server.stop();

  const { folder } = server;
  const second = await testServer({ folder, pace, tick: 20 });
  expect((await second.as(bearer)("POST", path, asked)).status).toBe(429);
  end("resp_1");
  now += 60_000;
  await expect.poll(async () => (await events(second)).length).toBe(3);
  const [settled] = await events(second);
  expect(settled).toMatchObject({
    requestId,
    user: "ann",
    promptTokens: 7,
    completionTokens: 5,
    detail: { settles: "resp_1" },
  });
  expect(settled.detail).not.toHaveProperty("estimated");
  expect((await second.as(bearer)("POST", path, asked)).status).toBe(200);
  end("resp_2");
  expect((await second.as(bearer)("GET", `${path}/resp_2`)).body.status).toBe("completed");
  await second.stop();

  const asks = provider.seen.length;
  const third = await testServer({ folder, pace, tick: 20 });
  now += 60_000;
  expect((await third.as(bearer)("GET", `${path}/resp_1`)).body.status).toBe("completed");
  expect(await events(third)).toHaveLength(5);
  expect(provider.seen).toHaveLength(asks + 1);
});

it("counts an answer that was deleted at its provider while the server stood still by its whole time (failure mode 164)", async () => {
  let now = 0;
  let today = Date.now();
  const pace = { ...systemPace, wait: async () => {}, elapsed: () => now };
  const { server, call, kept } = await inBackground({ pace, now: () => today });
  await call("POST", path, { ...asked, max_output_tokens: 3000 });
  await server.stop();
  kept.clear();
  today += 10_000;
  const second = await testServer({ folder: server.folder, pace, tick: 20, now: () => today });
  now += 5000;
  await expect.poll(async () => (await events(second)).length).toBe(2);
  const [estimated] = await events(second);
  expect(estimated).toMatchObject({ completionTokens: 3000, detail: { settles: "resp_1", estimated: true } });
});
