import { isObject } from "../../wire/json.ts";
import type { PlacedMessage } from "./halves.ts";
import type { Fields } from "./request-fields.ts";
import { resultContent } from "./result-content.ts";

/** The result of a call that nobody answered. */
const noResult = "[This call has no result.]";

/** The calls of one answer, and the messages that answer them, in the order in which they came. */
class CallingTurn {
  readonly ids: readonly string[];
  /** True if the calls came without ids. */
  readonly isNameless: boolean;
  readonly results = new Map<number, CallResult>();
  readonly #byId: ReadonlyMap<string, CallQueue>;
  readonly #all: CallQueue;

  constructor(ids: readonly string[], isNameless: boolean) {
    this.ids = ids;
    this.isNameless = isNameless;
    const calls = [...ids.keys()];
    this.#all = { calls, next: 0 };
    const byId = Map.groupBy(calls, (call) => ids[call]!);
    this.#byId = new Map(Array.from(byId, ([id, same]) => [id, { calls: same, next: 0 }]));
  }

  /** Returns the call that a result answers: the first one with its id that waits, else the last one. */
  answered(id: unknown): number | undefined {
    const queue = hasId(id) ? this.#byId.get(id) : this.#all;
    if (!queue) return undefined;
    const { calls } = queue;
    while (queue.next < calls.length - 1 && this.results.has(calls[queue.next]!)) queue.next++;
    return calls[queue.next];
  }
}

/** Calls in their order, and the first of them that may wait for its result: an answer may have thousands (T293). */
interface CallQueue {
  readonly calls: readonly number[];
  next: number;
}

/** The result of a call, of one message or of several with different contents. */
interface CallResult {
  readonly placed: PlacedMessage;
  readonly contents: unknown[];
  /** The contents as JSON; undefined while there is one only. */
  known?: Set<string>;
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
      const call = turn?.answered(id);
      if (turn && call !== undefined) addResult(turn, call, given);
      // Nobody knows what a result without an id answers: it is refused.
      else kept.push(hasId(id) ? inWords(given) : given);
      continue;
    }
    const placed = role === "assistant" ? withIds(given, index) : given;
    kept.push(placed);
    const ids = role === "assistant" ? callsOf(placed.message).map((call) => String(call.id)) : [];
    if (ids.length === 0) continue;
    latest = new CallingTurn(ids, placed !== given);
    turns.set(placed, latest);
    for (const id of ids) callers.set(id, latest);
  }
  const last = kept.at(-1);
  const paired = kept.flatMap((placed): PlacedMessage[] => {
    const turn = turns.get(placed);
    if (!turn || (placed === last && turn.results.size === 0)) return [placed];
    const missing = turn.ids.filter((_, call) => !turn.results.has(call));
    const results = [...turn.results.values()].map(whole);
    return [placed, ...results, ...missing.map((id) => resultOf(id, noResult, placed.path))];
  });
  const isSame = paired.length === messages.length && paired.every((one, index) => one === messages[index]);
  return isSame ? messages : paired;
}

function addResult({ ids, results }: CallingTurn, call: number, placed: PlacedMessage): void {
  const { message } = placed;
  const id = ids[call]!;
  const before = results.get(call);
  if (!before) {
    const own = message.tool_call_id === id ? placed : changed(placed, { tool_call_id: id });
    results.set(call, { placed: own, contents: [message.content] });
    return;
  }
  before.known ??= new Set([JSON.stringify(before.contents[0])]);
  const text = JSON.stringify(message.content);
  if (before.known.has(text)) return;
  before.known.add(text);
  before.contents.push(message.content);
}

/** Returns the message of a result, with all its contents. */
function whole({ placed, contents }: CallResult): PlacedMessage {
  if (contents.length === 1) return placed;
  const isText = contents.every((content) => typeof content === "string");
  return changed(placed, { content: isText ? contents.join("\n\n") : contents.flatMap(partsOf) });
}

function changed(placed: PlacedMessage, fields: Fields): PlacedMessage {
  return { ...placed, message: { ...placed.message, ...fields } };
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
