import { expect } from "vitest";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { bytesOf, eventsOf, fixedId, type Outcome, through } from "./streams.ts";

/** Calls of messages callers, translated for a chat provider and back. */

export const translation = translationFor("messages", "chat", Date.now, fixedId)!;
export const hello = { role: "user", content: "hello" };
export const input_schema = { type: "object", properties: {} };

// biome-ignore lint/suspicious/noExplicitAny: tests read any field
export type Whatever = any;

/** Returns the translated request, as the provider parses it. */
export function sent(body: object, model = "qwen3"): Whatever {
  return JSON.parse(
    JSON.stringify(
      translation.request(
        { max_tokens: 100, messages: [hello], ...body },
        model,
        quirksOf({ type: "openai", model }),
      ),
    ),
  );
}

export function refusedAt(body: object): unknown {
  try {
    return sent(body);
  } catch (error) {
    const { code, details } = error as { code: string; details: { path: string }[] };
    expect(code).toBe("invalid_request");
    return details[0]!.path;
  }
}

export function whole(message: object, rest: object = {}, request: object = {}): Whatever {
  const { finish_reason = "stop", ...others } = rest as { finish_reason?: string };
  const completion = { id: "chatcmpl-1", choices: [{ index: 0, message, finish_reason }], ...others };
  return JSON.parse(JSON.stringify(translation.response(completion, "mine", { ...request })));
}

export const chunk = (delta: object, finish_reason: string | null = null, rest: object = {}) =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [{ index: 0, delta, finish_reason }], ...rest })}\n\n`;
export const call = (index: number, args: string, id?: string, name?: string) =>
  chunk({ tool_calls: [{ index, id, function: { name, arguments: args } }] });
export const done = "data: [DONE]\n\n";
export const usageChunk = (usage: object) =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [], usage })}\n\n`;

export const streamed = (texts: string[], request: object = {}): Outcome =>
  through(translation.stream("mine", { ...request }), texts.map(bytesOf));
export const payloads = ({ text }: Outcome): Whatever[] => eventsOf(text).map(({ data }) => JSON.parse(data));

/** Returns the message that Anthropic's clients make of a stream; fails for events in another order. */
export function assembled(outcome: Outcome): Whatever {
  const blocks: Whatever[] = [];
  let open: number | undefined;
  let stop: Whatever;
  for (const { type, index, content_block, delta, usage } of payloads(outcome)) {
    if (type === "content_block_start") {
      expect([open, index]).toEqual([undefined, blocks.length]);
      open = index;
      blocks.push({ ...content_block, ...(content_block.type === "tool_use" && { json: "" }) });
    } else if (type === "content_block_delta") {
      expect(index).toBe(open);
      const block = blocks[index];
      if (delta.type === "text_delta") block.text += delta.text;
      else if (delta.type === "thinking_delta") block.thinking += delta.thinking;
      else if (delta.type === "signature_delta") block.signature += delta.signature;
      else block.json += delta.partial_json;
      const belongs =
        { text_delta: "text", input_json_delta: "tool_use" }[delta.type as string] ?? "thinking";
      expect(block.type).toBe(belongs);
    } else if (type === "content_block_stop") {
      expect(index).toBe(open);
      open = undefined;
    } else if (type === "message_delta") stop = { ...delta, usage };
  }
  expect(open).toBeUndefined();
  const content = blocks.map(({ json, ...block }) =>
    json === undefined ? block : { ...block, input: JSON.parse(json || "{}") },
  );
  return { content, ...stop };
}
