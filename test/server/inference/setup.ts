import { expect } from "vitest";
import type { ServerOptions } from "../../../src/server/options.ts";
import { copiedServer } from "../../support/copied-server.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { type Script, upstream } from "../../support/upstream.ts";

/** The provider's key. Nobody but the provider may see it. */
export const canary = "sk-canary-0123456789abcdef";

/** Content that no log, audit row or metric may contain. */
export const confidential = "the-words-of-the-caller";

export const question = { model: "gpt", messages: [{ role: "user", content: confidential }] };

/** Gives a server the key of a provider, and returns the bearer of a token that may run llms. */
async function addKeyAndToken(server: TestServer): Promise<string> {
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: canary } }));
  return (await server.token("t", [{ role: "run", resource: "llms" }])).bearer;
}

const startWithKeyAndToken = copiedServer(addKeyAndToken);

/** Starts a server with the key and the token; over a copy, unless it has a store or a clock of its own. */
async function withKeyAndToken(options: Partial<ServerOptions>) {
  if (!options.store && !options.now) return startWithKeyAndToken(options);
  const server = await testServer(options);
  return { server, facts: await addKeyAndToken(server) };
}

/** A server with one llm behind a scripted provider, and a token that may run llms. */
export async function withProvider(script: Script, llm: object = {}, options: Partial<ServerOptions> = {}) {
  const provider = upstream(script);
  const { server, facts: bearer } = await withKeyAndToken(options);
  await addLlm(server, { url: provider.url, ...llm });
  return { provider, server, call: server.as(bearer), bearer };
}

/** Adds an llm with the canary for a key: `gpt`, of type openai, unless fields say otherwise. */
export function addLlm(server: TestServer, fields: object) {
  const apiKeyRef = { name: "key", key: "k" };
  const llm = { name: "gpt", type: "openai", model: "up", apiKeyRef, ...fields };
  return must(server.admin("POST", "/api/v1/llms?probe=false", llm));
}

/** An audit event, as the API returns it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Event = any;

/** The audit events of calls, newest first. */
export async function events(server: TestServer): Promise<Event[]> {
  const path = "/api/v1/audit?action=llm_inference_call&limit=1000";
  return (await must(server.admin("GET", path))).body;
}

export async function lastEvent(server: TestServer): Promise<Event> {
  return (await events(server))[0];
}

/** The audit event of the only call. It contains neither the key nor the messages. */
export async function onlyEvent(server: TestServer): Promise<Event> {
  await expect.poll(async () => (await events(server)).length).toBe(1);
  const [event] = await events(server);
  const kept = JSON.stringify([event, server.logged, (await server.admin("GET", "/metrics")).text]);
  expect(kept).not.toContain(canary);
  expect(kept).not.toContain(confidential);
  return event;
}
