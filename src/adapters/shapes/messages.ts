import {
  begunBy,
  type MessagesAnswer,
  type MessagesBlock,
  type MessagesEvent,
  type MessagesUsage,
  mergeMessagesUsage,
} from "../../wire/dialects/messages.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { typedFrame } from "../../wire/sse.ts";
import { brokenOff, saysFailure } from "../finish-reason.ts";
import { faultOf, reportedFault } from "../provider-fault.ts";
import { toolInput } from "../translation/tool-arguments.ts";
import type { AnswerShapes } from "./types.ts";

export const messagesShapes: AnswerShapes = {
  dialect: "messages",
  faultIn(body) {
    const answer = (isObject(body) ? body : {}) as MessagesAnswer & { type?: string; error?: unknown };
    if (answer.type === "error" || answer.error) return reportedFault(answer);
    if (saysFailure(answer.stop_reason)) return brokenOff({ finish_reason: answer.stop_reason! });
    if (Array.isArray(answer.content)) return undefined;
    return faultOf(body) ?? { message: "the provider sent an answer without content" };
  },
  toStream(body) {
    const { content = [], stop_reason = null, stop_details, usage } = body as MessagesAnswer;
    const { stop_sequence = null } = body;
    const message = { ...body, content: [], stop_reason: null, stop_sequence: null };
    const end = { stop_reason, stop_sequence, ...(stop_details && { stop_details }) };
    return [
      typedFrame("message_start", { message }),
      ...content.map(blockFrames),
      typedFrame("message_delta", { delta: end, usage }),
      typedFrame("message_stop", {}),
    ].join("");
  },
  collect() {
    let message = new Map<string, unknown>();
    let usage: MessagesUsage = {};
    const blocks = new Map<number, MessagesBlock & { json?: string }>();
    return {
      add({ data }) {
        const event = parsedObject(data) as MessagesEvent | undefined;
        const at = event?.index ?? 0;
        if (event?.type === "content_block_delta" && !blocks.has(at)) {
          const begun = begunBy(event.delta ?? {});
          if (begun) blocks.set(at, begun);
        }
        const block = blocks.get(at);
        if (event?.type === "message_start") message = new Map(Object.entries(event.message ?? {}));
        usage = mergeMessagesUsage(usage, event?.message?.usage ?? event?.usage);
        if (event?.type === "content_block_start") blocks.set(at, { ...event.content_block });
        if (event?.type === "content_block_delta" && block) addDelta(block, event.delta ?? {});
        if (event?.type === "message_delta")
          for (const [name, value] of Object.entries(event.delta ?? {})) message.set(name, value);
      },
      whole() {
        const content = [...blocks.values()].map(({ json, ...block }) =>
          json === undefined ? block : { ...block, input: toolInput(json) },
        );
        return { ...Object.fromEntries(message), content, usage };
      },
    };
  },
};

type Delta = NonNullable<MessagesEvent["delta"]>;

function blockFrames(block: MessagesBlock, index: number): string {
  const pieces: (Delta | false | undefined)[] = [
    block.type === "text" && { type: "text_delta", text: block.text ?? "" },
    block.type === "thinking" && { type: "thinking_delta", thinking: block.thinking ?? "" },
    block.type === "thinking" && { type: "signature_delta", signature: block.signature ?? "" },
    block.type === "tool_use" && {
      type: "input_json_delta",
      partial_json: JSON.stringify(block.input ?? {}),
    },
  ];
  const deltas = pieces.filter((piece) => piece !== false && piece !== undefined);
  return [
    typedFrame("content_block_start", { index, content_block: deltas.length > 0 ? emptied(block) : block }),
    ...deltas.map((delta) => typedFrame("content_block_delta", { index, delta })),
    typedFrame("content_block_stop", { index }),
  ].join("");
}

/** Returns a block as it begins in a stream: the pieces follow. */
function emptied(block: MessagesBlock): MessagesBlock {
  if (block.type === "tool_use") return { ...block, input: {} };
  return block.type === "text" ? { ...block, text: "" } : { ...block, thinking: "", signature: "" };
}

function addDelta(block: MessagesBlock & { json?: string }, delta: Delta): void {
  if (delta.text !== undefined) block.text = (block.text ?? "") + delta.text;
  if (delta.thinking !== undefined) block.thinking = (block.thinking ?? "") + delta.thinking;
  if (delta.signature !== undefined) block.signature = (block.signature ?? "") + delta.signature;
  if (delta.citation !== undefined) {
    block.citations ??= [];
    block.citations.push(delta.citation);
  }
  if (delta.type === "compaction_delta") block.content = delta.content;
  if (delta.partial_json !== undefined) block.json = (block.json ?? "") + delta.partial_json;
}
