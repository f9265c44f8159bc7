import { isObject } from "../../../mcp/messages.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { readListing } from "../../../mcp/upstream/listing.ts";
import { greet } from "../../../mcp/upstream/upstream.ts";
import { version } from "../../../version.ts";
import { fieldsOf } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { outboundOf, targetOf } from "../mcp/outbound.ts";

/** The APIs of the server that clients call. */
export type InferenceDialect = "chat" | "messages" | "responses";

const words = "Reply with the word ok.";
/** The fewest that OpenAI's responses API accepts. */
const tokens = 16;
const messages = [{ role: "user", content: words }];

const calls: Readonly<Record<InferenceDialect, { path: string; body: object }>> = {
  chat: { path: "/v1/chat/completions", body: { messages, max_tokens: tokens } },
  messages: { path: "/v1/messages", body: { messages, max_tokens: tokens } },
  responses: { path: "/v1/responses", body: { input: words, max_output_tokens: tokens, store: false } },
};

/** The longest that the greeting of a project, and each of its lists, may take, in milliseconds. */
const listTimeout = 30_000;

/**
 * Makes one short call of a model, in the API that the client uses.
 *
 * @returns the time it took, as a user reads it: `8 ms`, `1.2 s`
 * @throws AppError with the words of the server
 */
export async function callModel(
  client: ApiClient,
  dialect: InferenceDialect,
  model: string,
): Promise<string> {
  const { path, body } = calls[dialect];
  const start = performance.now();
  // A model that sleeps takes minutes to wake.
  await client.call("POST", path, { body: { model, ...body }, answer: fieldsOf({}), unlimited: true });
  const time = performance.now() - start;
  return time < 1000 ? `${Math.ceil(time)} ms` : `${(time / 1000).toFixed(1)} s`;
}

/**
 * Greets the endpoint of a project and lists its tools, as an MCP client does.
 *
 * @returns the number of tools
 */
export async function listTools(client: ApiClient, project: string, signal: AbortSignal): Promise<number> {
  const path = `/projects/${project}/mcp`;
  const events = { onNotification: () => undefined, onClose: () => undefined };
  const wire = new HttpWire(
    { url: targetOf(client, path), headers: {}, outbound: outboundOf(client, path) },
    events,
  );
  try {
    const self = { name: "mcpctl", version: version.version };
    const upstream = await greet(wire, { client: self, timeout: listTimeout, signal });
    return (await readListing(upstream, listTimeout, signal)).tools.filter(isObject).length;
  } finally {
    await wire.close();
  }
}
