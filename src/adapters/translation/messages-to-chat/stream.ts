import {
  type ChatChoice,
  type ChatCompletion,
  type ChatToolCallDelta,
  type ChatUsage,
  chatUsage,
  chunkUsage,
  doneData,
  mergeChatUsage,
} from "../../../wire/dialects/chat.ts";
import type { MessagesBlock } from "../../../wire/dialects/messages.ts";
import { noUsage, type Usage } from "../../../wire/dialects/usage.ts";
import { parseExact } from "../../../wire/exact-json.ts";
import { isObject } from "../../../wire/json.ts";
import { type SseEvent, typedFrame } from "../../../wire/sse.ts";
import { brokenOff, endsWithUsage, finishReasonOf } from "../../finish-reason.ts";
import { isChatError, reportedFault } from "../../provider-fault.ts";
import { AnswerPieces } from "../answer-pieces.ts";
import { CallIds } from "../call-ids.ts";
import { textAndThinking } from "../chat-answer.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { StateCollector } from "../state-collector.ts";
import { callerNames, fittingName } from "../tool-names.ts";
import { type ToolSlot, ToolSlots } from "../tool-slots.ts";
import { garbage, payloadOf, TranslatedPipe } from "../translated-pipe.ts";
import { messagesUsageOf, stopOf } from "./response.ts";
import { toolNames } from "./tools.ts";

/**
 * Translates chat chunks to Anthropic's stream. Its content blocks follow one another: one is closed before the next one
 * is opened, and the pieces of a tool call wait while another call is open (case 68). Nothing is sent before there is
 * content, so that a provider that fails at once can still be answered with a plain error.
 */
export class MessagesFromChat extends TranslatedPipe {
  readonly #model: string;
  readonly #pieces = new AnswerPieces();
  readonly #tools: ToolSlots;
  readonly #nameOf: (name: string) => string;
  usage: Usage = noUsage;
  #counts: ChatUsage | undefined;
  #tier: string | null | undefined;
  readonly #id: string;
  readonly #callIds: CallIds;
  readonly #state: StateCollector;
  /** The calls whose signature of the thought is in the state. */
  readonly #carried = new Set<ToolSlot>();
  #isStarted = false;
  #open: { type: "text" | "thinking" | "tool_use"; index: number } | undefined;
  #openTool: ToolSlot | undefined;
  #blocks = 0;
  #finish: ChatChoice | undefined;
  #isRefusal = false;

  /**
   * @param model The name by which the caller called the model.
   * @param request The caller's request.
   */
  constructor(model: string, request: Fields = {}, newId: NewId = randomId) {
    super();
    this.#model = model;
    this.#id = `msg_${newId()}`;
    this.#callIds = new CallIds("toolu_", newId);
    this.#state = new StateCollector(model);
    const names = toolNames(request);
    this.#nameOf = callerNames(names);
    this.#tools = new ToolSlots((name) =>
      names.some((own) => own === name || fittingName(String(own)) === name),
    );
  }

  protected override convert(event: SseEvent): string {
    if (event.data.trim() === doneData) {
      if (!this.finished) throw garbage("ended its stream without a finish reason");
      return this.close();
    }
    const chunk = payloadOf(event) as ChatCompletion & { object?: string };
    if (isChatError(chunk)) {
      this.fault = reportedFault(chunk);
      return "";
    }
    // The usage often comes in a chunk of its own, after the finish (case 70).
    const counts = chunkUsage(chunk);
    if (counts) {
      this.#counts = mergeChatUsage(this.#counts, counts);
      this.usage = chatUsage(this.#counts)!;
    }
    if (endsWithUsage(chunk)) this.finished = true;
    this.#tier = chunk.service_tier ?? this.#tier;
    const choice = this.#pieces.choiceIn(chunk);
    return choice ? this.#choice(choice, event) : "";
  }

  protected override close(): string {
    const stop = stopOf(this.#finish ?? {}, this.#tools.all.length > 0, this.#isRefusal);
    const usage = messagesUsageOf(this.#counts, this.#tier);
    const last =
      this.#start() +
      this.#closeTools() +
      this.#sendState() +
      this.#closeBlock() +
      typedFrame("message_delta", { delta: stop, usage }) +
      typedFrame("message_stop", {});
    this.done = true;
    return last;
  }

  #choice(choice: ChatChoice, event: SseEvent): string {
    const piece = this.#pieces.of(choice);
    const { tool_calls } = piece;
    let text = "";
    const content = textAndThinking(piece);
    this.#state.add(piece, content.field);
    if (content.thinking)
      text += this.#piece("thinking", { type: "thinking_delta", thinking: content.thinking });
    if (content.text) text += this.#piece("text", { type: "text_delta", text: content.text });
    if (content.refusal) {
      this.#isRefusal = true;
      text += this.#piece("text", { type: "text_delta", text: content.refusal });
    }
    if (Array.isArray(tool_calls))
      for (const call of exactCalls(tool_calls, event)) text += this.#toolPiece(this.#tools.add(call));
    if (choice.finish_reason) {
      const finish_reason = finishReasonOf(choice.finish_reason);
      if (finish_reason === undefined) {
        this.fault = brokenOff(choice);
        return text;
      }
      this.finished = true;
      this.#finish = { ...choice, finish_reason };
    }
    return text;
  }

  #piece(type: "text" | "thinking", delta: object): string {
    let text = this.#closeTools();
    if (this.#open?.type !== type) {
      // Clients may drop thinking at the end of an answer, so it stands in front of the text.
      if (type === "text") text += this.#sendState();
      const empty = type === "text" ? { type, text: "" } : { type, thinking: "", signature: "" };
      text += this.#openBlock(type, empty);
    }
    return text + this.#delta(delta);
  }

  #toolPiece(slot: ToolSlot): string {
    if (slot.state === "closed") {
      if (!slot.hasUnsent) return "";
      throw garbage("sent arguments of a tool call after its end");
    }
    if (slot.state === "open") return this.#sendArguments(slot);
    if (this.#openTool && !this.#openTool.isWhole) return "";
    const next = this.#tools.all.find(({ state }) => state === "waiting");
    // A name may come in pieces until the arguments begin.
    return next?.name && !next.isBlank ? this.#openToolBlock(next) : "";
  }

  #openToolBlock(slot: ToolSlot): string {
    // The begin of this call may have told how the last piece of the one before was meant.
    const rest = this.#closeTool();
    const { id, own } = this.#callIds.of(slot.id);
    const name = this.#nameOf(slot.name);
    slot.callerId = id;
    this.#state.addCall(id, { id: own, extra: slot.extra });
    if (slot.extra !== undefined) this.#carried.add(slot);
    const start = this.#sendState() + this.#openBlock("tool_use", { type: "tool_use", id, name, input: {} });
    slot.state = "open";
    this.#openTool = slot;
    return rest + start + this.#sendArguments(slot);
  }

  #sendArguments(slot: ToolSlot): string {
    const partial_json = slot.take();
    return partial_json ? this.#delta({ type: "input_json_delta", partial_json }) : "";
  }

  #closeTool(): string {
    const slot = this.#openTool;
    if (!slot) return "";
    this.#openTool = undefined;
    slot.settle({ isText: false });
    slot.state = "closed";
    return this.#sendArguments(slot);
  }

  /** Sends the tool calls that had to wait. */
  #closeTools(): string {
    let text = "";
    for (const slot of this.#tools.all) slot.end();
    for (const slot of this.#tools.all) if (slot.state === "waiting") text += this.#openToolBlock(slot);
    text += this.#closeTool();
    // A signature that came behind the beginning of its call.
    for (const slot of this.#tools.all) {
      if (slot.extra === undefined || slot.callerId === undefined || this.#carried.has(slot)) continue;
      this.#carried.add(slot);
      this.#state.addCall(slot.callerId, { extra: slot.extra });
    }
    return text;
  }

  /** Sends what the provider needs back in a thinking block, which clients return. */
  #sendState(): string {
    if (!this.#state.hasState) return "";
    if (this.#open?.type === "thinking") return this.#closeBlock();
    return (
      this.#openBlock("thinking", { type: "thinking", thinking: "", signature: "" }) + this.#closeBlock()
    );
  }

  #openBlock(type: "text" | "thinking" | "tool_use", content_block: MessagesBlock): string {
    const text = this.#start() + this.#closeBlock();
    this.#open = { type, index: this.#blocks++ };
    return text + typedFrame("content_block_start", { index: this.#open.index, content_block });
  }

  #closeBlock(): string {
    if (!this.#open) return "";
    const { type, index } = this.#open;
    // Clients keep thinking only with a signature (case 69).
    const signature =
      type === "thinking" ? this.#delta({ type: "signature_delta", signature: this.#state.take() }) : "";
    this.#open = undefined;
    return signature + typedFrame("content_block_stop", { index });
  }

  #delta(delta: object): string {
    return typedFrame("content_block_delta", { index: this.#open?.index, delta });
  }

  #start(): string {
    if (this.#isStarted) return "";
    this.#isStarted = true;
    const message = {
      id: this.#id,
      type: "message",
      role: "assistant",
      model: this.#model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: messagesUsageOf(this.#counts, this.#tier),
    };
    return typedFrame("message_start", { message });
  }
}

/** Returns the pieces of tool calls. Arguments that come as an object keep the digits of long integers. */
function exactCalls(calls: ChatToolCallDelta[], { data }: SseEvent): ChatToolCallDelta[] {
  const isWhole = calls.some((call) => typeof call?.function?.arguments === "object");
  const [choice] = isWhole ? ((parseExact(data) as ChatCompletion).choices ?? []) : [];
  return (choice?.delta?.tool_calls ?? calls).filter(isObject);
}
