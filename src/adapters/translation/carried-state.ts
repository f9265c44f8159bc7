import { isObject, parsedObject } from "../../wire/json.ts";
import { type Fields, isGiven } from "./request-fields.ts";

/** The beginning of every carried state, of this version and of others. */
const anyMark = "mcpctl.";
const mark = `${anyMark}1.`;

/** The most characters of a carried state: a longer one is neither made nor read. */
const longestState = 4 * 1024 * 1024;
const deepestState = 32;

/** The place of reasoning in a message of chat: a field, or a part of the content. */
export type ReasoningField = "reasoning_content" | "reasoning" | "content";

/** Fields that a provider adds to one tool call and needs back. */
export interface CarriedCall {
  /** The provider's own id, where the caller's form of it does not contain it. */
  id?: string;
  /** Gemini's `extra_content`, with the signature of the thought. */
  extra?: Fields;
}

/**
 * State that a provider needs back byte for byte and clients of another dialect have no field for (case 92). It stands in a
 * field that clients return unread: the signature of a thinking block, or the `encrypted_content` of a reasoning item.
 * It is encoded, not encrypted. Data that others put there reaches the provider only as data of its own fields.
 */
export interface CarriedState {
  /** The name by which the caller called the model: the state goes back to no other. */
  model?: string;
  /** The place of the reasoning; `reasoning_content` if not given. */
  field?: ReasoningField;
  /** OpenRouter's `reasoning_details`. */
  details?: Fields[];
  /** Anthropic's signed thinking. */
  thinking?: Fields[];
  /** Gemini's `extra_content` of the message itself. */
  extra?: Fields;
  /** By the caller's ids of the calls. */
  calls?: Record<string, CarriedCall>;
}

/** Writes a state as text. One that is too large is written without what it holds. */
export function carryState(state: CarriedState): string {
  const { model, field } = state;
  const text = encoded(state);
  return text.length <= longestState ? text : encoded({ ...(model && { model }), ...(field && { field }) });
}

/** Returns true if a text is a state that this program wrote, or that claims so. */
export function isCarriedState(text: unknown): boolean {
  return typeof text === "string" && text.startsWith(anyMark);
}

/**
 * Reads a state.
 *
 * @param model The name by which the caller calls the model now.
 * @returns undefined for what this program did not write, cannot read, or wrote for another model
 */
export function carriedState(text: unknown, model: unknown): CarriedState | undefined {
  if (typeof text !== "string" || !text.startsWith(mark) || text.length > longestState) return undefined;
  const state = decoded(text.slice(mark.length));
  if (!state) return undefined;
  const isElsewhere = isGiven(state.model) && isGiven(model) && model !== "" && state.model !== model;
  return isElsewhere ? undefined : checked(state);
}

function encoded(state: CarriedState): string {
  return mark + Buffer.from(JSON.stringify(state)).toString("base64url");
}

function decoded(text: string): Fields | undefined {
  const state = parsedObject(Buffer.from(text, "base64url").toString(), { maxDepth: deepestState });
  return isObject(state) ? state : undefined;
}

/** Returns the parts of a state that have the right form. */
function checked({ field, details, thinking, extra, calls }: Fields): CarriedState {
  return {
    ...((field === "reasoning" || field === "content") && { field }),
    ...(Array.isArray(details) && { details: details.filter(isObject) }),
    ...(Array.isArray(thinking) && { thinking: thinking.filter(isObject) }),
    ...(isObject(extra) && { extra }),
    ...(isObject(calls) && { calls: checkedCalls(calls) }),
  };
}

function checkedCalls(calls: Fields): Record<string, CarriedCall> {
  const known = Object.entries(calls).flatMap(([callerId, call]): [string, CarriedCall][] => {
    if (!isObject(call)) return [];
    const { id, extra } = call;
    return [[callerId, { ...(typeof id === "string" && { id }), ...(isObject(extra) && { extra }) }]];
  });
  return Object.fromEntries(known);
}
