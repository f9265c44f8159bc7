import { doneData } from "../../../wire/dialects/chat.ts";
import { responsesUsage } from "../../../wire/dialects/responses.ts";
import { noUsage, type Usage } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { type SseEvent, sseFrame } from "../../../wire/sse.ts";
import { responsesAnswer } from "../../passthrough/responses.ts";
import { responsesFault } from "../../provider-fault.ts";
import type { ResponsesAnswer } from "../../types.ts";
import type { NewId } from "../new-id.ts";
import { detailOf } from "../sealed-items.ts";
import { garbage, payloadOf, TranslatedPipe } from "../translated-pipe.ts";
import {
  brokenOffWords,
  calledOf,
  chatUsageOf,
  finishOf,
  type OutputItem,
  type ProviderAnswer,
  phaseField,
  textGap,
  thoughtsOf,
  wordsOf,
} from "./answer.ts";

/** The most items of an answer (T60). */
const maxItems = 4096;

/** An item that is being streamed. */
interface OpenItem {
  item: OutputItem;
  /** True once a piece of it was sent: its whole text is not needed then. */
  hasText: boolean;
  hasRefusal: boolean;
  /** The index of a call among the calls. */
  call?: number;
  isDone: boolean;
}

/** An event, as far as it is read. */
interface ProviderEvent {
  type?: string;
  output_index?: number;
  summary_index?: number;
  item?: OutputItem;
  delta?: unknown;
  response?: ProviderAnswer | null;
}

/**
 * Translates the events of a responses stream to chat chunks (case 128). Nothing is sent before there is content, so that a
 * provider that fails at once can still be answered with a plain error. An item whose pieces did not come is sent whole at
 * its end.
 */
export class ChatFromResponses extends TranslatedPipe {
  readonly #model: string;
  readonly #created: number;
  readonly #includeUsage: boolean;
  readonly #id: string;
  readonly #items = new Map<number, OpenItem>();
  usage: Usage = noUsage;
  #answer: ResponsesAnswer | undefined;
  #isStarted = false;
  #calls = 0;
  #details = 0;
  #hasWords = false;
  /** The part of a summary that the last piece of reasoning belongs to; undefined behind text and calls. */
  #thoughtPlace: string | undefined;
  /** The message that the last piece of text belongs to. */
  #textPlace: number | undefined;
  #tier: string | undefined;

  /**
   * @param model The name by which the caller called the model.
   * @param created Seconds since 1970.
   * @param includeUsage True if the caller asks for a chunk of usage before `[DONE]`.
   */
  constructor(model: string, created: number, includeUsage: boolean, newId: NewId) {
    super();
    this.#model = model;
    this.#created = created;
    this.#includeUsage = includeUsage;
    this.#id = `chatcmpl-${newId()}`;
  }

  override get answer(): ResponsesAnswer | undefined {
    return this.#answer;
  }

  protected override convert(sent: SseEvent): string {
    if (sent.data.trim() === doneData) throw garbage("ended its stream without the end of its answer");
    const event = payloadOf(sent) as ProviderEvent;
    const { type = sent.event, output_index: at = 0, summary_index: part = 0, delta } = event;
    switch (type) {
      case "response.output_item.added":
        return this.#open(at, event.item).frames;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        return this.#thought(at, part, textIn(delta));
      case "response.output_text.delta":
        return this.#text(at, textIn(delta));
      case "response.refusal.delta":
        return this.#refusal(at, textIn(delta));
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        return this.#arguments(at, textIn(delta));
      case "response.output_item.done":
        return this.#done(at, event.item);
      case "response.completed":
      case "response.incomplete":
        return this.#end(event.response ?? {});
      case "error":
      case "response.failed":
      case "response.cancelled":
        this.usage = responsesUsage(event.response?.usage) ?? this.usage;
        this.fault = responsesFault(event);
        return "";
      default:
        return "";
    }
  }

  /** Returns nothing: without its last event the answer is not whole. */
  protected override close(): string {
    return "";
  }

  /** Returns an item, and the frame that begins a call. Items without an announcement begin with their first piece. */
  #open(at: number, item: OutputItem = {}): { open: OpenItem; frames: string } {
    const known = this.#items.get(at);
    if (known) return { open: known, frames: "" };
    if (this.#items.size === maxItems) throw garbage(`sent more than ${maxItems} items in one answer`);
    const open: OpenItem = { item, hasText: false, hasRefusal: false, isDone: false };
    this.#items.set(at, open);
    const kind = calledOf(item)?.kind;
    if (!kind) return { open, frames: "" };
    open.call = this.#calls++;
    this.#thoughtPlace = undefined;
    const { call_id, name = "" } = item;
    const called = kind === "custom" ? { name, input: "" } : { name, arguments: "" };
    const start = { index: open.call, id: call_id, type: kind, [kind]: called };
    return { open, frames: this.#piece({ tool_calls: [start] }) };
  }

  #thought(at: number, part: number, text: string): string {
    if (text === "") return "";
    this.#open(at).open.hasText = true;
    const place = `${at}.${part}`;
    const isNext = this.#thoughtPlace !== undefined && this.#thoughtPlace !== place;
    this.#thoughtPlace = place;
    return this.#piece({ reasoning_content: isNext ? textGap + text : text });
  }

  #text(at: number, text: string): string {
    if (text === "") return "";
    const { open } = this.#open(at);
    const phase = open.hasText || this.#details === 0 ? {} : phaseField(open.item);
    const isNext = this.#textPlace !== undefined && this.#textPlace !== at;
    open.hasText = true;
    this.#textPlace = at;
    return this.#words({ ...phase, content: isNext ? textGap + text : text });
  }

  #refusal(at: number, refusal: string): string {
    if (refusal === "") return "";
    this.#open(at).open.hasRefusal = true;
    return this.#words({ refusal });
  }

  #arguments(at: number, text: string): string {
    const open = this.#items.get(at);
    if (open?.call === undefined) throw garbage("sent arguments of a call that it had not begun");
    if (text === "") return "";
    open.hasText = true;
    const { kind } = calledOf(open.item)!;
    const called = kind === "custom" ? { input: text } : { arguments: text };
    return this.#piece({ tool_calls: [{ index: open.call, [kind]: called }] });
  }

  #done(at: number, item: OutputItem = {}): string {
    const { open, frames } = this.#open(at, item);
    if (open.isDone) return frames;
    open.isDone = true;
    if (open.call !== undefined) {
      if (open.hasText) return frames;
      const { kind, text } = calledOf(item) ?? { kind: "function", text: "" };
      return frames + this.#arguments(at, text || (kind === "function" ? "{}" : ""));
    }
    if (item.type === "message") {
      const { text, refusal } = wordsOf(item);
      const said = open.hasText ? "" : this.#text(at, text);
      return frames + said + (open.hasRefusal ? "" : this.#refusal(at, refusal));
    }
    return item.type === "reasoning" ? frames + this.#endReasoning(at, open, item) : frames;
  }

  #endReasoning(at: number, open: OpenItem, item: OutputItem): string {
    const thoughts = open.hasText ? [] : thoughtsOf(item);
    const frames = thoughts.map((text, part) => this.#thought(at, part, text)).join("");
    const before = this.#details + this.#calls + (this.#hasWords ? 1 : 0);
    const detail = detailOf(item, before);
    if (!detail) return frames;
    this.#details++;
    return frames + this.#piece({ reasoning_details: [detail] });
  }

  #end(answer: ProviderAnswer): string {
    const output = Array.isArray(answer.output) ? answer.output : [];
    let frames = "";
    // Some servers send the items here only.
    for (const [at, item] of output.entries()) if (isObject(item)) frames += this.#done(at, item);
    this.usage = responsesUsage(answer.usage) ?? this.usage;
    const reason = finishOf(answer, this.#calls > 0);
    if (reason === undefined) {
      this.fault = { message: brokenOffWords(answer) };
      return frames;
    }
    if (answer.service_tier) this.#tier = answer.service_tier;
    this.#answer = responsesAnswer(answer);
    this.finished = true;
    this.done = true;
    const usage = chatUsageOf(answer.usage);
    const counted = this.#includeUsage && usage ? this.#frame({ choices: [], usage }) : "";
    return frames + this.#start() + this.#chunk({}, reason) + counted + sseFrame({ data: doneData });
  }

  #words(delta: object): string {
    this.#hasWords = true;
    this.#thoughtPlace = undefined;
    return this.#piece(delta);
  }

  #piece(delta: object): string {
    return this.#start() + this.#chunk(delta);
  }

  #start(): string {
    if (this.#isStarted) return "";
    this.#isStarted = true;
    return this.#chunk({ role: "assistant", content: "" });
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

function textIn(delta: unknown): string {
  return typeof delta === "string" ? delta : "";
}
