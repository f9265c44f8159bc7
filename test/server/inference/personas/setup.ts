import type { ServerOptions } from "../../../../src/server/options.ts";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { goodProvider, reply, type Script, streamHead, upstream } from "../../../support/upstream.ts";

export const prompt = "You are a careful reviewer.";
export const hello = { role: "user", content: "hello" };

/** A response in the messages dialect, streamed or not. Calls of other dialects get the response of `goodProvider`. */
export const bothDialects: Script = (request, connection) => {
  if (request.path.endsWith("/count_tokens")) return connection.write(reply(200, { input_tokens: 5 }));
  if (request.path.endsWith("/responses")) return connection.write(reply(200, responsesAnswer));
  if (!request.path.endsWith("/messages")) return goodProvider(request, connection);
  if (!request.body.stream) return connection.write(reply(200, messagesAnswer));
  connection.end(streamHead.replace("transfer-encoding: chunked", "connection: close") + messagesStream);
};

const messagesAnswer = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "up",
  content: [{ type: "text", text: "hello there" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 7, output_tokens: 2 },
};

const responsesAnswer = {
  id: "resp_1",
  object: "response",
  model: "up",
  status: "completed",
  output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "hello there" }] }],
  usage: { input_tokens: 7, output_tokens: 2, total_tokens: 9 },
};

const event = (type: string, fields: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const messagesStream = [
  event("message_start", { message: { ...messagesAnswer, content: [], stop_reason: null } }),
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "hello" } }),
  event("content_block_stop", { index: 0 }),
  event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }),
  event("message_stop", {}),
].join("");

/** A server with an llm (default `gpt`) at a scripted provider, and the persona `reviewer` on it. */
export async function withPersona(
  agent: object = {},
  { llm = {}, script = bothDialects, ...options }: Setup = {},
) {
  const provider = upstream(script);
  const server = await testServer(options);
  await addLlm(server, { url: provider.url, ...llm });
  await must(
    server.admin("POST", "/api/v1/agents", { name: "reviewer", llm: "gpt", systemPrompt: prompt, ...agent }),
  );
  const { call, bearer } = await server.user("bob", [{ role: "run", resource: "agents" }]);
  return { provider, server, call, bearer };
}

interface Setup extends Partial<ServerOptions> {
  llm?: object;
  script?: Script;
}

export function addLlm(server: TestServer, fields: object) {
  return must(
    server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "up", ...fields }),
  );
}
