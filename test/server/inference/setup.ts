import { expect } from "vitest";
import type { ServerOptions } from "../../../src/server/options.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { type Script, upstream } from "../../support/upstream.ts";

/** The provider's key. It is to be seen by the provider alone. */
export const canary = "sk-canary-0123456789abcdef";

/** What no log, audit row or metric is to hold. */
export const confidential = "the-words-of-the-caller";

export const question = { model: "gpt", messages: [{ role: "user", content: confidential }] };

/** A server with one llm behind a scripted provider, and a token that may run llms. */
export async function withProvider(script: Script, llm: object = {}, options: Partial<ServerOptions> = {}) {
  const provider = upstream(script);
  const server = await testServer(options);
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: canary } }));
  await addLlm(server, { url: provider.url, ...llm });
  const { call, bearer } = await server.token("t", [{ role: "run", resource: "llms" }]);
  return { provider, server, call, bearer };
}

/** Adds an llm with the canary for a key: `gpt`, of type openai, unless fields say otherwise. */
export function addLlm(server: TestServer, fields: object) {
  const apiKeyRef = { name: "key", key: "k" };
  const llm = { name: "gpt", type: "openai", model: "up", apiKeyRef, ...fields };
  return must(server.admin("POST", "/api/v1/llms?probe=false", llm));
}

/** An event of the log, as the API tells it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Event = any;

/** What is on record of calls, the newest first. */
export async function events(server: TestServer): Promise<Event[]> {
  const path = "/api/v1/audit?action=llm_inference_call&limit=1000";
  return (await must(server.admin("GET", path))).body;
}

export async function lastEvent(server: TestServer): Promise<Event> {
  return (await events(server))[0];
}

/** The one event of the one call there was. It holds neither the key nor what was said. */
export async function onlyEvent(server: TestServer): Promise<Event> {
  await expect.poll(async () => (await events(server)).length).toBe(1);
  const [event] = await events(server);
  const kept = JSON.stringify([event, server.logged, (await server.admin("GET", "/metrics")).text]);
  expect(kept).not.toContain(canary);
  expect(kept).not.toContain(confidential);
  return event;
}
