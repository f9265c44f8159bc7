import { ownCallId } from "./call-ids.ts";
import type { CarriedCall, CarriedState } from "./carried-state.ts";
import type { Fields } from "./request-fields.ts";

/**
 * A turn of the assistant as it came back from a caller: its text, calls and reasoning, and the states that its provider
 * gave the caller to carry.
 */
export interface ReturnedTurn {
  text: string | undefined;
  reasoning: string;
  /** Chat's tool calls, with the caller's ids. */
  calls: readonly Fields[];
  states: readonly CarriedState[];
}

/** Returns the chat message of a turn. Each part of its state stands again where the provider had put it. */
export function returnedMessage({ text, reasoning, calls, states }: ReturnedTurn): Fields {
  const field = states.findLast((state) => state.field)?.field ?? "reasoning_content";
  const details = states.flatMap((state) => state.details ?? []);
  const extras = states.flatMap(({ extra }) => (extra ? [extra] : []));
  const content = calls.length > 0 && !text ? null : text;
  const carried = carriedCalls(states);
  return {
    role: "assistant",
    content: reasoning !== "" && field === "content" ? withThinking(reasoning, text) : content,
    ...(reasoning !== "" && field !== "content" && { [field]: reasoning }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...(extras.length > 0 && { extra_content: Object.assign({}, ...extras) }),
    ...(calls.length > 0 && { tool_calls: calls.map((call) => returnedCall(call, carried)) }),
  };
}

/** Returns the provider's ids of the calls of a turn, by the caller's. */
export function ownIds({ calls, states }: Pick<ReturnedTurn, "calls" | "states">): Map<string, string> {
  const carried = carriedCalls(states);
  return new Map(calls.map(({ id }) => [String(id), ownId(String(id), carried)]));
}

function carriedCalls(states: readonly CarriedState[]): Map<string, CarriedCall> {
  const calls = new Map<string, CarriedCall>();
  for (const state of states)
    for (const [id, call] of Object.entries(state.calls ?? {})) calls.set(id, { ...calls.get(id), ...call });
  return calls;
}

function returnedCall(call: Fields, carried: ReadonlyMap<string, CarriedCall>): Fields {
  const extra = carried.get(String(call.id))?.extra;
  return { ...call, id: ownId(String(call.id), carried), ...(extra && { extra_content: extra }) };
}

function ownId(id: string, carried: ReadonlyMap<string, CarriedCall>): string {
  return carried.get(id)?.id ?? ownCallId(id);
}

/** Returns content whose first part is the thinking, as Mistral has it. */
function withThinking(reasoning: string, text: string | undefined): Fields[] {
  const thinking = { type: "thinking", thinking: [{ type: "text", text: reasoning }] };
  return text ? [thinking, { type: "text", text }] : [thinking];
}
