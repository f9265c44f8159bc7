import { isObject } from "../../wire/json.ts";
import type { PlacedMessage } from "./halves.ts";
import type { Fields } from "./request-fields.ts";
import { resultContent } from "./result-content.ts";

/** The result of a call that nobody answered. */
const noResult = "[This call has no result.]";

/** The calls of one answer, and the messages that answer them, in the order in which they came. */
interface CallingTurn {
  ids: readonly string[];
  /** True if the calls came without ids. */
  isNameless: boolean;
  results: Map<number, PlacedMessage>;
}

/**
 * Puts the results of tool calls directly behind their calls, one for each: OpenAI, Anthropic and the templates of many
 * models refuse any other history, and a conversation that has one would be over (case 155). A call that was interrupted
 * gets a result that says so, unless nothing follows it. A result without a call, which compaction leaves behind, becomes
 * words of the user; two results of one call become one. Calls without ids get some, and their results come in their order.
 *
 * Returns the same list where nothing changes.
 */
export function pairedCalls(messages: readonly PlacedMessage[]): readonly PlacedMessage[] {
  const turns = new Map<PlacedMessage, CallingTurn>();
  /** The last answer with a call of each id: some providers number their calls anew in each answer. */
  const callers = new Map<string, CallingTurn>();
  let latest: CallingTurn | undefined;
  const kept: PlacedMessage[] = [];
  for (const [index, given] of messages.entries()) {
    const { role, tool_call_id: id } = given.message;
    if (role === "tool") {
      const turn = hasId(id) ? callers.get(id) : latest?.isNameless ? latest : undefined;
      const call = turn && callAnswered(turn, id);
      if (turn && call !== undefined) addResult(turn, call, given);
      // Nobody knows what a result without an id answers: it is refused.
      else kept.push(hasId(id) ? inWords(given) : given);
      continue;
    }
    const placed = role === "assistant" ? withIds(given, index) : given;
    kept.push(placed);
    const ids = role === "assistant" ? callsOf(placed.message).map((call) => String(call.id)) : [];
    if (ids.length === 0) continue;
    latest = { ids, isNameless: placed !== given, results: new Map() };
    turns.set(placed, latest);
    for (const id of ids) callers.set(id, latest);
  }
  const last = kept.at(-1);
  const paired = kept.flatMap((placed): PlacedMessage[] => {
    const turn = turns.get(placed);
    if (!turn || (placed === last && turn.results.size === 0)) return [placed];
    const missing = turn.ids.filter((_, call) => !turn.results.has(call));
    return [placed, ...turn.results.values(), ...missing.map((id) => resultOf(id, noResult, placed.path))];
  });
  const isSame = paired.length === messages.length && paired.every((one, index) => one === messages[index]);
  return isSame ? messages : paired;
}

/** Returns the call that a result answers: the first one with its id that waits, else the last one. */
function callAnswered({ ids, results }: CallingTurn, id: unknown): number | undefined {
  const fitting = [...ids.keys()].filter((call) => !hasId(id) || ids[call] === id);
  return fitting.find((call) => !results.has(call)) ?? fitting.at(-1);
}

function addResult({ ids, results }: CallingTurn, call: number, placed: PlacedMessage): void {
  const { message } = placed;
  const id = ids[call]!;
  const before = results.get(call);
  if (!before)
    results.set(call, message.tool_call_id === id ? placed : changed(placed, { tool_call_id: id }));
  else if (JSON.stringify(before.message.content) !== JSON.stringify(message.content))
    results.set(call, changed(before, { content: joined(before.message.content, message.content) }));
}

function changed(placed: PlacedMessage, fields: Fields): PlacedMessage {
  return { ...placed, message: { ...placed.message, ...fields } };
}

function joined(first: unknown, second: unknown): unknown {
  if (typeof first === "string" && typeof second === "string") return `${first}\n\n${second}`;
  return [...partsOf(first), ...partsOf(second)];
}

function partsOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  return typeof content === "string" && content !== "" ? [{ type: "text", text: content }] : [];
}

function resultOf(id: string, content: string, path: string): PlacedMessage {
  return { message: { role: "tool", tool_call_id: id, content }, path };
}

/** Makes a message of the user of a result without a call. */
function inWords({ message, path }: PlacedMessage): PlacedMessage {
  const content = resultContent(message.content);
  const parts = Array.isArray(content)
    ? [{ type: "text", text: "[Result of an earlier call:]" }, ...content]
    : `[Result of an earlier call: ${content ?? ""}]`;
  return { message: { role: "user", content: parts }, path };
}

/** Gives calls without an id one. Some servers of models send none, and clients return that. */
function withIds(placed: PlacedMessage, index: number): PlacedMessage {
  const { tool_calls } = placed.message;
  const calls = callsOf(placed.message);
  if (calls.length === 0 || calls.every(({ id }) => hasId(id))) return placed;
  const named = (tool_calls as Fields[]).map((call, at) =>
    isObject(call) && !hasId(call.id) ? { ...call, id: `call_${index}_${at}` } : call,
  );
  return changed(placed, { tool_calls: named });
}

function callsOf({ tool_calls }: Fields): Fields[] {
  return Array.isArray(tool_calls) ? tool_calls.filter(isObject) : [];
}

function hasId(id: unknown): id is string {
  return typeof id === "string" && id !== "";
}
