import type { ChatAnswer, ChatToolCallDelta } from "../../../wire/dialects/chat.ts";
import type { ItemStatus, ResponseItem, ResponsePart } from "../../../wire/dialects/responses.ts";
import { isObject } from "../../../wire/json.ts";
import { textAndThinking } from "../chat-answer.ts";
import { CustomInputReader } from "../custom-input.ts";
import { StateCollector } from "../state-collector.ts";
import { bareName } from "../tool-names.ts";
import { type ToolSlot, ToolSlots } from "../tool-slots.ts";
import { garbage } from "../translated-pipe.ts";
import { callItem, type idsOf } from "./answer.ts";
import type { CallersTool } from "./tool-namespaces.ts";

/** Takes each event of a stream, without its number. */
export type Emit = (type: string, fields: object) => void;

interface OpenReasoning {
  index: number;
  id: string;
  text: string;
}

interface OpenMessage {
  index: number;
  id: string;
  content: ResponsePart[];
  kind: ResponsePart["type"];
  text: string;
}

interface OpenCall {
  index: number;
  id: string;
  call_id: string;
  tool: CallersTool;
  slot: ToolSlot;
  /** Reads the arguments of a custom tool; undefined for a function. */
  reader: CustomInputReader | undefined;
}

/**
 * Makes the output items of an answer from the pieces of a chat answer. Items are opened and closed one after the other,
 * in the order in which the provider begins them; only calls whose pieces come mixed are open together.
 */
export class OutputItems {
  readonly output: ResponseItem[] = [];
  readonly #ids: ReturnType<typeof idsOf>;
  readonly #tools: ReadonlyMap<string, CallersTool>;
  readonly #emit: Emit;
  readonly #slots: ToolSlots;
  readonly #state: StateCollector;
  /** The calls whose signature of the thought is in the state. */
  readonly #carried = new Set<ToolSlot>();
  readonly #calls: OpenCall[] = [];
  #reasoning: OpenReasoning | undefined;
  #message: OpenMessage | undefined;

  /** @param model The name by which the caller called the model. */
  constructor(
    ids: ReturnType<typeof idsOf>,
    tools: ReadonlyMap<string, CallersTool>,
    model: string,
    emit: Emit,
  ) {
    this.#state = new StateCollector(model);
    this.#slots = new ToolSlots((name) => tools.has(name));
    this.#ids = ids;
    this.#tools = tools;
    this.#emit = emit;
  }

  /**
   * Takes the next piece. Throws AppError `provider_error` for a piece that makes no sense.
   *
   * @param isWhole True if the piece is the whole answer, so that each of its calls is whole.
   */
  add(piece: ChatAnswer<ChatToolCallDelta>, isWhole = false): void {
    const { thinking_blocks, tool_calls } = piece;
    const { text, thinking, refusal, field } = textAndThinking(piece);
    if (thinking) this.#think(thinking);
    this.#state.add(piece, field, isWhole);
    // Signed thinking stands where it was thought: another turn may follow it.
    if (Array.isArray(thinking_blocks) && thinking_blocks.length > 0) this.#openReasoning();
    if (text) this.#say("output_text", text);
    if (refusal) this.#say("refusal", refusal);
    if (!Array.isArray(tool_calls)) return;
    for (const call of tool_calls.filter(isObject))
      this.#call(isWhole ? this.#slots.addWhole(call) : this.#slots.add(call));
  }

  /** Closes all open items. `status` is `incomplete` for an answer that was cut. */
  end(status: ItemStatus): void {
    this.#closeReasoning();
    this.#closeMessage(status);
    this.#closeCalls(status);
    this.#addLateState();
    this.#sendState();
  }

  #think(delta: string): void {
    const open = this.#openReasoning();
    const at = { item_id: open.id, output_index: open.index, summary_index: 0 };
    if (open.text === "") {
      const part = { type: "summary_text", text: "" };
      this.#emit("response.reasoning_summary_part.added", { ...at, part });
    }
    open.text += delta;
    this.#emit("response.reasoning_summary_text.delta", { ...at, delta });
  }

  #openReasoning(): OpenReasoning {
    if (this.#reasoning) return this.#reasoning;
    this.#closeMessage("completed");
    this.#closeCalls("completed");
    const id = this.#ids.item("rs", this.output.length);
    const index = this.#added({ type: "reasoning", id, summary: [] });
    this.#reasoning = { index, id, text: "" };
    return this.#reasoning;
  }

  #closeReasoning(): void {
    const open = this.#reasoning;
    if (!open) return;
    this.#reasoning = undefined;
    const { index, id, text } = open;
    const part = { type: "summary_text" as const, text };
    if (text !== "") {
      const at = { item_id: id, output_index: index, summary_index: 0 };
      this.#emit("response.reasoning_summary_text.done", { ...at, text });
      this.#emit("response.reasoning_summary_part.done", { ...at, part });
    }
    const summary = text === "" ? [] : [part];
    this.#done(index, { type: "reasoning", id, summary, encrypted_content: this.#state.take() });
  }

  #say(kind: ResponsePart["type"], delta: string): void {
    this.#closeReasoning();
    this.#closeCalls("completed");
    const open = this.#openPart(kind);
    open.text += delta;
    const logprobs = kind === "output_text" && { logprobs: [] };
    this.#emit(`response.${kind}.delta`, { ...this.#partAt(open), delta, ...logprobs });
  }

  #openPart(kind: ResponsePart["type"]): OpenMessage {
    const open = this.#message ?? this.#openMessage(kind);
    if (open.text !== "" && open.kind === kind) return open;
    if (open.text !== "") this.#closePart(open);
    open.kind = kind;
    open.text = "";
    this.#emit("response.content_part.added", { ...this.#partAt(open), part: partOf(kind, "") });
    return open;
  }

  #openMessage(kind: ResponsePart["type"]): OpenMessage {
    const id = this.#ids.item("msg", this.output.length);
    const index = this.#added({ type: "message", id, status: "in_progress", role: "assistant", content: [] });
    this.#message = { index, id, content: [], kind, text: "" };
    return this.#message;
  }

  #partAt({ id, index, content }: OpenMessage): object {
    return { item_id: id, output_index: index, content_index: content.length };
  }

  #closePart(open: OpenMessage): void {
    const { kind, text } = open;
    const at = this.#partAt(open);
    const part = partOf(kind, text);
    const whole = kind === "refusal" ? { refusal: text } : { text, logprobs: [] };
    this.#emit(`response.${kind}.done`, { ...at, ...whole });
    this.#emit("response.content_part.done", { ...at, part });
    open.content.push(part);
  }

  #closeMessage(status: ItemStatus): void {
    const open = this.#message;
    if (!open) return;
    this.#message = undefined;
    this.#closePart(open);
    const { index, id, content } = open;
    this.#done(index, { type: "message", id, status, role: "assistant", content });
  }

  #call(slot: ToolSlot): void {
    if (slot.state === "closed") {
      if (!slot.hasUnsent) return;
      throw garbage("sent arguments of a tool call after its end");
    }
    if (slot.state === "waiting") {
      // A name may come in pieces until the arguments begin.
      if (slot.name === "" || slot.isBlank) return;
      for (const call of [...this.#calls]) if (call.slot.isWhole) this.#closeCall(call, "completed");
      for (const one of this.#slots.all) {
        if (one.state === "waiting" && one.name !== "") this.#openCall(one);
        if (one === slot) break;
      }
    }
    const call = this.#calls.find((one) => one.slot === slot);
    if (call) this.#sendArguments(call);
  }

  #openCall(slot: ToolSlot): OpenCall {
    slot.state = "open";
    const { id: call_id, own } = this.#ids.calls.of(slot.id);
    slot.callerId = call_id;
    this.#state.addCall(call_id, { id: own, extra: slot.extra });
    if (slot.extra !== undefined) this.#carried.add(slot);
    if (this.#calls.every((call) => call.slot.isWhole)) this.#sendState();
    this.#closeReasoning();
    this.#closeMessage("completed");
    const tool = this.#tools.get(slot.name) ??
      this.#tools.get(bareName(slot.name)) ?? { name: slot.name, isCustom: false };
    const id = this.#ids.item(tool.isCustom ? "ctc" : "fc", this.output.length);
    const item = callItem(tool, { id, call_id }, "", "in_progress");
    const reader = tool.isCustom ? new CustomInputReader() : undefined;
    const call = { index: this.#added(item), id, call_id, tool, slot, reader };
    this.#calls.push(call);
    return call;
  }

  #sendArguments(call: OpenCall): void {
    const { slot, reader } = call;
    const piece = slot.take();
    this.#sendPiece(call, reader ? reader.push(piece) : piece);
  }

  #sendPiece({ id, index, reader }: OpenCall, delta: string): void {
    if (delta === "") return;
    const type = reader ? "custom_tool_call_input" : "function_call_arguments";
    this.#emit(`response.${type}.delta`, { item_id: id, output_index: index, delta });
  }

  #closeCall(call: OpenCall, status: ItemStatus): void {
    this.#calls.splice(this.#calls.indexOf(call), 1);
    const { id, call_id, index, tool, slot, reader } = call;
    if (reader) slot.end();
    else slot.settle({ isText: true });
    this.#sendArguments(call);
    // Clients parse the arguments, and "" is not JSON.
    if (!reader && status === "completed" && slot.isBlank) {
      slot.add("{}");
      slot.settle({ isText: true });
      this.#sendArguments(call);
    }
    slot.state = "closed";
    if (reader) this.#sendPiece(call, reader.end(slot.arguments));
    const text = reader ? reader.input : slot.text;
    const at = { item_id: id, output_index: index };
    if (reader) this.#emit("response.custom_tool_call_input.done", { ...at, input: text });
    else this.#emit("response.function_call_arguments.done", { ...at, arguments: text });
    this.#done(index, callItem(tool, { id, call_id }, text, status));
  }

  /** Closes all calls, also those that still wait for a name. */
  #closeCalls(status: ItemStatus): void {
    for (const slot of this.#slots.all) {
      if (slot.state === "waiting") this.#sendArguments(this.#openCall(slot));
      const call = this.#calls.find((one) => one.slot === slot);
      if (call) this.#closeCall(call, status);
    }
  }

  /** Sends what the provider needs back in a reasoning item, which clients return. */
  #sendState(): void {
    if (!this.#state.hasState) return;
    this.#openReasoning();
    this.#closeReasoning();
  }

  /** Takes signatures that came behind the beginning of their calls. */
  #addLateState(): void {
    for (const slot of this.#slots.all) {
      if (slot.extra === undefined || slot.callerId === undefined || this.#carried.has(slot)) continue;
      this.#carried.add(slot);
      this.#state.addCall(slot.callerId, { extra: slot.extra });
    }
  }

  #added(item: ResponseItem): number {
    const index = this.output.push(item) - 1;
    this.#emit("response.output_item.added", { output_index: index, item });
    return index;
  }

  #done(index: number, item: ResponseItem): void {
    this.output[index] = item;
    this.#emit("response.output_item.done", { output_index: index, item });
  }
}

function partOf(kind: ResponsePart["type"], text: string): ResponsePart {
  if (kind === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
