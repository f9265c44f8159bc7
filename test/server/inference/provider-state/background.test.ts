import { expect, it } from "vitest";
import { systemPace } from "../../../../src/server/inference/pace.ts";
import { must } from "../../../support/server.ts";
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

it("books a stream in the background once, where it comes to its end", async () => {
  const { server, call } = await inBackground();
  const { text } = await call("POST", path, { ...asked, stream: true });
  expect(text).toContain("response.completed");
  expect((await call("GET", `${path}/resp_1`)).status).toBe(200);
  expect(await events(server)).toMatchObject([{ promptTokens: 7, completionTokens: 5 }]);
});
