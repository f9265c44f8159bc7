import type { ChatAnswer } from "../../wire/dialects/chat.ts";
import { isObject } from "../../wire/json.ts";
import { type CarriedState, carryState, type ReasoningField } from "./carried-state.ts";
import type { Fields } from "./request-fields.ts";

/** Types of `reasoning_details` whose text comes in pieces, and the field with it. */
const inPieces: Readonly<Record<string, string>> = {
  "reasoning.text": "text",
  "reasoning.summary": "summary",
};

/** Collects what the provider needs back, from the pieces of an answer. */
export class StateCollector {
  readonly #model: string;
  #state: CarriedState = {};

  /** @param model The name by which the caller called the model. */
  constructor(model: string) {
    this.#model = model;
  }

  /** True if there is something that no client returns by itself. */
  get hasState(): boolean {
    return Object.keys(this.#state).some((name) => name !== "field");
  }

  /**
   * Takes a piece of the answer.
   *
   * @param isWhole True if the piece is all of the answer, whose details are whole.
   */
  add(piece: ChatAnswer<unknown>, field: ReasoningField | undefined, isWhole = false): void {
    const { reasoning_details, thinking_blocks, extra_content } = piece;
    const state = this.#state;
    if (field && field !== "reasoning_content") state.field = field;
    if (Array.isArray(thinking_blocks) && thinking_blocks.length > 0) {
      state.thinking ??= [];
      for (const block of thinking_blocks.filter(isObject)) state.thinking.push(block);
    }
    if (Array.isArray(reasoning_details) && reasoning_details.length > 0) {
      state.details ??= [];
      for (const detail of reasoning_details.filter(isObject)) {
        if (isWhole) state.details.push(detail);
        else addDetail(state.details, detail);
      }
    }
    if (isObject(extra_content)) state.extra = Object.assign(state.extra ?? {}, extra_content);
  }

  /** Takes what belongs to one call. `id` is given where the caller's id does not contain the provider's. */
  addCall(callerId: string, { id, extra }: { id?: string | undefined; extra: unknown }): void {
    if (id === undefined && !isObject(extra)) return;
    const call = { ...(id !== undefined && { id }), ...(isObject(extra) && { extra }) };
    this.#state.calls = Object.assign(this.#state.calls ?? {}, { [callerId]: call });
  }

  /** Returns the state since the last call as text, for a field that clients return. */
  take(): string {
    const text = carryState({ model: this.#model, ...this.#state });
    const { field } = this.#state;
    this.#state = field ? { field } : {};
    return text;
  }
}

/** Adds a detail. Pieces of one text become one detail. */
function addDetail(details: Fields[], detail: Fields): void {
  const last = details.at(-1);
  const text = inPieces[String(detail.type)];
  const isMore =
    last &&
    text !== undefined &&
    last.type === detail.type &&
    last.index === detail.index &&
    last.id === detail.id;
  if (!isMore || typeof last[text] !== "string" || typeof detail[text] !== "string") {
    details.push({ ...detail });
    return;
  }
  const whole = `${last[text]}${detail[text]}`;
  for (const [name, value] of Object.entries(detail))
    if (value !== null && value !== undefined) last[name] = value;
  last[text] = whole;
}
