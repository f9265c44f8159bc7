import { expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { goodProvider } from "../../support/upstream.ts";
import { bothDialects } from "../inference/personas/setup.ts";
import { lastEvent, withProvider } from "../inference/setup.ts";

const messages = [{ role: "user", content: "hi" }];
const price = { input: 10, output: 10 };

it.each([
  ["openai", "/v1/chat/completions", { service_tier: "priority" }, 2],
  ["openai", "/v1/chat/completions", { service_tier: "flex" }, 1],
  ["openai", "/v1/chat/completions", { service_tier: "default" }, 1],
  ["anthropic", "/v1/messages", { speed: "fast" }, 6],
  ["anthropic", "/v1/messages", { speed: "standard" }, 1],
])("a call of type %s at %s with %j costs %i times as much (T298)", async (type, path, fields, times) => {
  const script = type === "openai" ? goodProvider : bothDialects;
  const { server, call } = await withProvider(script, { type, price });
  const body = { model: "gpt", max_tokens: 9, messages };
  await must(call("POST", path, body));
  const { costMicros } = await lastEvent(server);
  expect(costMicros).toBeGreaterThan(0);
  await must(call("POST", path, { ...body, ...fields }));
  expect((await lastEvent(server)).costMicros).toBe(times * costMicros);
});

it("a limit in dollars holds for the dearer service, before and after the call (T298)", async () => {
  const { server, provider } = await withProvider(goodProvider, { price: { input: 1, output: 1000 } });
  const roleBindings = [{ role: "run", resource: "llms" }];
  const limits = { costPerDay: 1 };
  const { body } = await must(server.admin("POST", "/api/v1/tokens", { name: "t2", roleBindings, limits }));
  const ask = (max_tokens: number, more: object) =>
    server.as(body.token)("POST", "/v1/chat/completions", { model: "gpt", messages, max_tokens, ...more });
  await must(ask(5, {}));
  const asked = provider.seen.length;
  expect((await ask(600, { service_tier: "priority" })).status).toBe(429);
  expect(provider.seen.length).toBe(asked);
  await must(ask(600, {}));
});
