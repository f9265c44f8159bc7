import { expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { chunk, reply, type Script, streamHead } from "../../../support/upstream.ts";
import { postRaw } from "../caller.ts";
import { events, withProvider } from "../setup.ts";

const path = "/v1/responses";
const usage = { input_tokens: 50_000, output_tokens: 100 };

/** A provider that keeps answers. A stream never tells its usage. */
function keepingProvider(): Script {
  let count = 0;
  return ({ method, path: asked, body }, connection) => {
    if (method === "GET") return connection.write(reply(200, { data: [] }));
    if (asked.includes("conversations"))
      return connection.write(reply(200, { id: "conv_1", object: "conversation" }));
    const response = { id: `resp_${++count}`, object: "response", model: "up", output: [] };
    if (!body.stream) return connection.write(reply(200, { ...response, status: "completed", usage }));
    const frames = [
      { type: "response.created", response: { ...response, status: "in_progress" } },
      { type: "response.output_text.delta", delta: "the beginning" },
    ];
    connection.write(
      streamHead + chunk(frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("")),
    );
  };
}

it.each([
  ["an answer", {}, ["resp_1", "resp_2"].map((id) => ({ previous_response_id: id }))],
  ["a conversation", { conversation: "conv_1" }, [{ conversation: { id: "conv_1" } }]],
])("a call that goes on with %s counts its tokens, if it is left too (T375)", async (_, first, others) => {
  const { server, call, bearer } = await withProvider(keepingProvider(), { responses: "stateful" });
  const asked = { model: "gpt", input: "hi" };
  await must(call("POST", "/v1/conversations", {}));
  await must(call("POST", path, { ...asked, ...first }));
  for (const [at, more] of others.entries()) {
    const caller = await postRaw(server.url, bearer, path, { ...asked, ...more, stream: true });
    await caller.until("the beginning");
    caller.leave();
    await expect.poll(async () => (await events(server)).length).toBe(at + 2);
    const [event] = await events(server);
    expect(event.status).toBe(499);
    expect(event.promptTokens).toBeGreaterThan(50_100);
    expect(event.promptTokens).toBeLessThan(50_200);
  }
});
