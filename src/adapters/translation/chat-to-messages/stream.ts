import { doneData } from "../../../wire/dialects/chat.ts";
import {
  begunBy,
  type MessagesBlock,
  type MessagesEvent,
  type MessagesUsage,
  mergeMessagesUsage,
  messagesUsage,
} from "../../../wire/dialects/messages.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import { parseExact } from "../../../wire/exact-json.ts";
import { type SseEvent, sseFrame } from "../../../wire/sse.ts";
import { finishReasonOf } from "../../finish-reason.ts";
import { reportedFault } from "../../provider-fault.ts";
import { CustomInputReader } from "../custom-input.ts";
import { randomId } from "../new-id.ts";
import { garbage, payloadOf, TranslatedPipe } from "../translated-pipe.ts";
import {
  type AnswerOptions,
  chatUsageOf,
  finishReason,
  serviceTier,
  type ToolReading,
  toolReading,
} from "./response.ts";
import { thinkingDetail, thinkingPiece } from "./signed-thinking.ts";

/** A block that is being streamed. */
type OpenBlock =
  | { type: "text" }
  /** `index` counts tools, not blocks (case 50). */
  | { type: "tool"; index: number; hasArguments: boolean }
  /** A free-form tool; `json` are its arguments. */
  | { type: "custom"; index: number; reader: CustomInputReader; json: string }
  /** A tool whose arguments are the answer (case 36). */
  | { type: "answer"; hasArguments: boolean }
  /** `place` counts the blocks of thinking. */
  | { type: "thinking"; thinking: string; signature: string; place: number }
  /** A block of a tool that runs at the provider, or of an unknown type (cases 47, 48). */
  | { type: "ignored" };

/**
 * Translates Anthropic's stream to chat chunks. The finish reason is sent with `message_stop`, or at the end of a stream
 * that told a reason for it, so that a stream that is cut before never looks whole.
 */
export class ChatFromMessages extends TranslatedPipe {
  readonly #model: string;
  readonly #created: number;
  readonly #includeUsage: boolean;
  readonly #reading: ToolReading;
  readonly #blocks = new Map<number, OpenBlock>();
  readonly #id: string;
  /** The provider's id of the message, once it has begun. */
  #messageId: string | undefined;
  readonly #isDirect: boolean;
  #tools = 0;
  #thoughts = 0;
  #hasAnswer = false;
  #tier: string | undefined;
  #counts: MessagesUsage = {};
  #stopReason: string | null | undefined;
  #refusal: string | null | undefined;

  /**
   * @param model The name by which the caller called the model.
   * @param created Seconds since 1970.
   * @param options.includeUsage True if the caller asks for a chunk of usage before `[DONE]`.
   */
  constructor(
    model: string,
    created: number,
    {
      includeUsage = false,
      request = {},
      newId = randomId,
      isDirect = true,
    }: AnswerOptions & { includeUsage?: boolean } = {},
  ) {
    super();
    this.#isDirect = isDirect;
    this.#model = model;
    this.#created = created;
    this.#id = `chatcmpl-${newId()}`;
    this.#includeUsage = includeUsage;
    this.#reading = toolReading(request);
  }

  get usage(): Usage {
    return messagesUsage(this.#counts)!;
  }

  protected override convert(sent: SseEvent): string {
    if (sent.data.trim() === doneData) {
      // Some relays end the stream as chat does.
      if (!this.finished) throw garbage("ended its stream without a reason for the end");
      return this.#stop();
    }
    const event = payloadOf(sent) as MessagesEvent;
    switch (event.type) {
      case "message_start":
        return this.#start(event);
      case "content_block_start":
        return this.#startBlock(event.index ?? 0, wholeBlock(sent, event));
      case "content_block_delta":
        return this.#piece(event.index ?? 0, event.delta ?? {});
      case "content_block_stop":
        return this.#stopBlock(event.index ?? 0);
      case "message_delta":
        this.#counts = mergeMessagesUsage(this.#counts, event.usage);
        this.#stopReason = event.delta?.stop_reason ?? this.#stopReason;
        this.#refusal = event.delta?.stop_details?.explanation ?? this.#refusal;
        if (finishReasonOf(event.delta?.stop_reason ?? "")) this.finished = true;
        return "";
      case "message_stop":
        return this.#stop();
      case "error":
        this.fault = reportedFault(event);
        return "";
      default:
        return "";
    }
  }

  /** Ends an answer whose reason for the end has come without the last event, which some relays leave out (case 160). */
  protected override close(): string {
    return this.#stop();
  }

  #start({ message }: MessagesEvent): string {
    const id = message?.id ?? "";
    if (this.#messageId !== undefined && this.#messageId !== id)
      throw garbage("started a second message in one stream");
    if (this.#messageId !== undefined) return "";
    this.#messageId = id;
    this.#counts = mergeMessagesUsage(this.#counts, message?.usage);
    this.#tier = serviceTier(this.#counts.service_tier);
    return this.#chunk({ role: "assistant", content: "" });
  }

  #startBlock(at: number, block: MessagesBlock): string {
    switch (block.type) {
      case "text":
        this.#blocks.set(at, { type: "text" });
        return block.text ? this.#chunk({ content: block.text }) : "";
      case "thinking": {
        const { thinking = "", signature = "" } = block;
        const place = this.#thoughts++;
        this.#blocks.set(at, { type: "thinking", thinking, signature, place });
        return this.#thought(thinking, place);
      }
      case "redacted_thinking":
        this.#blocks.set(at, { type: "ignored" });
        return this.#signed(block, block, this.#thoughts++);
      case "tool_use":
        return this.#startTool(at, block);
      default:
        this.#blocks.set(at, { type: "ignored" });
        return "";
    }
  }

  #startTool(at: number, { id = "", name = "", input }: MessagesBlock): string {
    const isAnswer = name === this.#reading.answer;
    const called = this.#reading.nameOf(name);
    const block = isAnswer
      ? ({ type: "answer", hasArguments: false } as const)
      : this.#reading.isCustom(called)
        ? ({ type: "custom", index: this.#tools++, reader: new CustomInputReader(), json: "" } as const)
        : ({ type: "tool", index: this.#tools++, hasArguments: false } as const);
    this.#blocks.set(at, { ...block });
    this.#hasAnswer ||= isAnswer;
    const start =
      block.type === "tool"
        ? this.#call(block.index, { id, type: "function", function: { name: called, arguments: "" } })
        : block.type === "custom"
          ? this.#call(block.index, { id, type: "custom", custom: { name: called, input: "" } })
          : "";
    return (
      start + (hasContent(input) ? this.#delta(this.#blocks.get(at), jsonDelta(JSON.stringify(input))) : "")
    );
  }

  #piece(at: number, delta: NonNullable<MessagesEvent["delta"]>): string {
    const begun = this.#blocks.has(at) ? undefined : begunBy(delta);
    const start = begun ? this.#startBlock(at, begun) : "";
    return start + this.#delta(this.#blocks.get(at), delta);
  }

  #delta(block: OpenBlock | undefined, delta: NonNullable<MessagesEvent["delta"]>): string {
    if (!block) throw garbage("sent a piece of a content block that it had not started");
    const { text, partial_json: json, thinking, signature } = delta;
    if (block.type === "text" && text) return this.#chunk({ content: text });
    if (block.type === "tool" && json) {
      block.hasArguments = true;
      return this.#call(block.index, { function: { arguments: json } });
    }
    if (block.type === "custom" && json) {
      block.json += json;
      return this.#input(block.index, block.reader.push(json));
    }
    if (block.type === "answer" && json) {
      block.hasArguments = true;
      return this.#chunk({ content: json });
    }
    if (block.type !== "thinking") return "";
    if (signature) block.signature += signature;
    if (!thinking) return "";
    block.thinking += thinking;
    return this.#thought(thinking, block.place);
  }

  #call(index: number, fields: object): string {
    return this.#chunk({ tool_calls: [{ index, ...fields }] });
  }

  #input(index: number, input: string): string {
    return input === "" ? "" : this.#call(index, { custom: { input } });
  }

  #thought(text: string, place: number): string {
    if (text === "") return "";
    const details = this.#isDirect && { reasoning_details: [thinkingPiece(text, place)] };
    return this.#chunk({ reasoning_content: text, ...details });
  }

  /** Sends a whole block. Its text was sent before: the details get the end of it, which SDKs put together by its index. */
  #signed(block: MessagesBlock, end: MessagesBlock, index: number): string {
    const details = this.#isDirect && { reasoning_details: [thinkingDetail(end, index)] };
    return this.#chunk({ thinking_blocks: [{ ...block, index }], ...details });
  }

  #stopBlock(at: number): string {
    const block = this.#blocks.get(at);
    this.#blocks.delete(at);
    if (block?.type === "custom") return this.#input(block.index, block.reader.end(block.json));
    // Clients parse the arguments, and "" is not JSON (case 52).
    const isCall = block?.type === "tool" || block?.type === "answer";
    if (isCall && !block.hasArguments) return this.#delta(block, jsonDelta("{}"));
    if (block?.type !== "thinking" || !block.signature) return "";
    // Whole and signed: the next request has to send it back so (case 54).
    const { place, ...whole } = block;
    return this.#signed(whole, { ...whole, thinking: "" }, place);
  }

  #stop(): string {
    const reason = finishReason(this.#stopReason, this.#tools > 0, this.#hasAnswer);
    const rest = [...this.#blocks.keys()].map((at) => this.#stopBlock(at)).join("");
    this.finished = true;
    this.done = true;
    const finish = this.#chunk(this.#refusal ? { refusal: this.#refusal } : {}, reason);
    const usage = this.#includeUsage ? this.#frame({ choices: [], usage: chatUsageOf(this.#counts) }) : "";
    return rest + finish + usage + sseFrame({ data: doneData });
  }

  #chunk(delta: object, finish_reason: string | null = null): string {
    return this.#frame({
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(this.#includeUsage && { usage: null }),
    });
  }

  #frame(rest: object): string {
    const head = {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.#created,
      model: this.#model,
      ...(this.#tier && { service_tier: this.#tier }),
    };
    return `data: ${JSON.stringify({ ...head, ...rest })}\n\n`;
  }
}

/** Returns the block that an event starts. A block with its whole input keeps the digits of long integers. */
function wholeBlock({ data }: SseEvent, { content_block: block }: MessagesEvent): MessagesBlock {
  if (!hasContent(block?.input)) return block ?? {};
  return (parseExact(data) as MessagesEvent).content_block!;
}

function hasContent(input: unknown): boolean {
  return typeof input === "object" && input !== null && Object.keys(input).length > 0;
}

function jsonDelta(partial_json: string): { partial_json: string } {
  return { partial_json };
}
