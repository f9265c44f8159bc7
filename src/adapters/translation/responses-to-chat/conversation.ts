import { isObject } from "../../../wire/json.ts";
import type { Quirks } from "../../quirks/types.ts";
import { unreadableCompaction } from "../../without-sealed.ts";
import { type CarriedState, carriedState } from "../carried-state.ts";
import { customInputKey } from "../custom-input.ts";
import { type ChatConversation, chatConversation, type PlacedMessage } from "../halves.ts";
import { withOneSystem } from "../later-system.ts";
import { pairedCalls } from "../paired-calls.ts";
import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers, textAt } from "../request-fields.ts";
import { ownIds, returnedMessage } from "../returned-state.ts";
import { validArguments } from "../tool-arguments.ts";
import { assistantText, contentOf, type ItemPart, partsOf, partsOrWords, textOf } from "./content.ts";
import { hostedCall, hostedResultId, wordsOf } from "./hosted-items.ts";
import { functionName } from "./tool-namespaces.ts";

/** A turn of the assistant: its text and calls, with the results of the calls. */
interface AssistantTurn extends PlacedMessage {
  thinking: unknown[];
  states: CarriedState[];
  reasoning: string;
  text: string | undefined;
  calls: Fields[];
  results: PlacedMessage[];
  /** Images and files of results, which a tool message cannot hold. */
  attachments: ItemPart[];
}

/**
 * Translates `instructions` and `input` to chat messages. Consecutive reasoning, text and calls become one message of the
 * assistant, and the results of its calls follow it directly. System messages before the first turn become one, because
 * templates of open models allow no second; `developer` becomes `system`, which every provider takes.
 *
 * Fields that only describe an item are left out: its id, status, phase and annotations. Reasoning items of other
 * models are left out too, and reasoning without an answer.
 *
 * Clients send their whole history with each request. So only what is new is refused: a call of a tool of OpenAI becomes a
 * function call, and an item of an earlier turn without a counterpart is left out (case 95).
 *
 * @param takesThinking True if signed thinking reaches a provider that takes it back.
 * @throws AppError `invalid_request`
 */
export function conversationOf(
  body: Fields,
  takesThinking: boolean,
  { laterSystem }: Quirks,
): ChatConversation {
  const turns: (PlacedMessage | AssistantTurn)[] = [];
  const callers = new Map<string, AssistantTurn>();
  let open: AssistantTurn | undefined;
  const assistant = (path: string, startsAnew = false): AssistantTurn => {
    if (open && !startsAnew) return open;
    open = { message: {}, path, thinking: [], states: [], reasoning: "", text: undefined, ...emptyCalls() };
    turns.push(open);
    return open;
  };

  if (isGiven(body.instructions)) {
    const content = textAt(body.instructions, "/instructions");
    if (content !== "") turns.push({ message: { role: "system", content }, path: "/instructions" });
  }
  const items = itemsOf(body.input);
  const lastOutput = items.findLastIndex(({ item }) => isOutput(item));
  const lastMessage = items.findLastIndex(({ item }) => item.role === "user");
  const answered = new Set(items.flatMap(({ item }) => hostedResultId(item) ?? []));
  const addCall = (call: Fields & { id: string }, path: string) => {
    const turn = assistant(path);
    // Some providers number their calls anew in every answer: an id must be unique within one answer only.
    if (callers.get(call.id) === turn)
      throw refused(`${path}/call_id`, `the call_id ${quoted(call.id)} is used for two calls`);
    turn.calls.push(call);
    callers.set(call.id, turn);
    return turn;
  };
  for (const [index, { item, path }] of items.entries()) {
    const isHistory = index < lastOutput;
    switch (item.type ?? "message") {
      case "message": {
        if (item.role === "assistant") {
          const text = assistantText(item.content, `${path}/content`);
          // A second text is a message of its own, unless calls before it wait for their results.
          const turn = assistant(path, open?.text !== undefined && open.calls.length === 0);
          turn.text = turn.text === undefined ? text : `${turn.text}\n\n${text}`;
          break;
        }
        refuseOthers(item, path, ["type", "role", "content", "id", "status", "phase"]);
        addMessage(turns, messageOf(item, path, isHistory), path);
        open = undefined;
        break;
      }
      case "reasoning": {
        const state = carriedState(item.encrypted_content, body.model);
        if (!state) break;
        const text = state.thinking ? "" : summaryOf(item.summary);
        const isThought = text !== "" || state.thinking !== undefined;
        const turn = assistant(path, isThought && open?.text !== undefined && open.calls.length === 0);
        turn.states.push(state);
        if (text) turn.reasoning += turn.reasoning === "" ? text : `\n\n${text}`;
        if (takesThinking && state.thinking) turn.thinking.push(...state.thinking);
        break;
      }
      case "function_call":
      case "custom_tool_call":
        addCall(callOf(item, path), path);
        break;
      case "function_call_output":
      case "custom_tool_call_output":
        if ((isHistory || index < lastMessage) && !callers.has(String(item.call_id)))
          turns.push({ message: { role: "user", content: orphan(wordsOf(item.output)) }, path });
        else addResult(callers, item, path);
        open = undefined;
        break;
      // Tools of the request: see tools.ts.
      case "additional_tools":
      // Of Codex itself, and of a tool that ran elsewhere.
      case "ghost_snapshot":
      case "mcp_approval_response":
        break;
      case "compaction":
        turns.push({ message: { role: "user", content: unreadableCompaction }, path });
        open = undefined;
        break;
      default: {
        const call = hostedCall(item);
        if (call && (call.result !== undefined || answered.has(call.id))) {
          const turn = addCall(functionCall(call), path);
          if (call.result !== undefined) turn.results.push(resultMessage(call.id, call.result, path));
          break;
        }
        const callId = hostedResultId(item);
        const turn = callId === undefined ? undefined : callers.get(callId);
        if (turn && callId !== undefined) {
          turn.results.push(resultMessage(callId, wordsOf(item.output), path));
          open = undefined;
        }
        if (turn || isHistory || isOutput(item)) break;
        throw refused(
          `${path}/type`,
          `an item of type ${quoted(item.type)} cannot be sent to this llm's provider`,
        );
      }
    }
  }
  const placed = turns.flatMap((turn) => ("calls" in turn ? assistantMessages(turn) : [turn]));
  if (placed.length === 0) throw refused("/input", "input holds nothing that this llm's provider can read");
  const paired = pairedCalls(placed);
  return chatConversation(laterSystem ? paired : withOneSystem(paired));
}

function emptyCalls(): Pick<AssistantTurn, "calls" | "results" | "attachments"> {
  return { calls: [], results: [], attachments: [] };
}

function itemsOf(input: unknown): { item: Fields; path: string }[] {
  if (typeof input === "string") return [{ item: { role: "user", content: input }, path: "/input" }];
  if (!Array.isArray(input) || input.length === 0) throw refused("/input", "input is required");
  return input.map((item, index) => {
    const path = `/input/${index}`;
    return { item: objectAt(item, path), path };
  });
}

/** Returns the words for a result in the history whose call is no longer there. */
const orphan = (result: string) => `[Result of an earlier call: ${result}]`;

/** Returns true for an item that an answer contained: what stands before it is history. */
function isOutput({ type, role }: Fields): boolean {
  if (role === "assistant" || type === "reasoning") return true;
  return typeof type === "string" && /(?:_call|_list_tools|_approval_request)$/.test(type);
}

function functionCall({ id, name, arguments: args }: { id: string; name: string; arguments: string }) {
  return { id, type: "function", function: { name, arguments: args } };
}

function resultMessage(id: string, content: string, path: string): PlacedMessage {
  return { message: { role: "tool", tool_call_id: id, content }, path };
}

function summaryOf(summary: unknown): string {
  const parts: unknown[] = Array.isArray(summary) ? summary : [];
  return parts.map((part) => (isObject(part) && typeof part.text === "string" ? part.text : "")).join("\n\n");
}

function messageOf(item: Fields, path: string, isHistory: boolean): Fields {
  const { role, content } = item;
  if (role === "user") {
    const read = isHistory ? partsOrWords : partsOf;
    return { role, content: contentOf(read(content, `${path}/content`)) };
  }
  if (role === "system" || role === "developer") {
    return { role: "system", content: textOf(content, `${path}/content`) };
  }
  throw refused(`${path}/role`, `a message of role ${quoted(role)} cannot be sent to this llm's provider`);
}

function addMessage(turns: PlacedMessage[], message: Fields, path: string): void {
  const [only] = turns;
  if (message.role === "system" && turns.length === 1 && only?.message.role === "system") {
    only.message.content = `${only.message.content}\n\n${message.content}`;
  } else turns.push({ message, path });
}

function callOf(item: Fields, path: string): Fields & { id: string } {
  const isCustom = item.type === "custom_tool_call";
  return {
    id: textAt(item.call_id, `${path}/call_id`),
    type: "function",
    function: {
      name: functionName(textAt(item.name, `${path}/name`), item.namespace),
      arguments: isCustom
        ? JSON.stringify({ [customInputKey]: textAt(item.input, `${path}/input`) })
        : isObject(item.arguments)
          ? JSON.stringify(item.arguments)
          : // Chat templates parse them, so that one bad call of a model would end the conversation.
            validArguments(textAt(item.arguments, `${path}/arguments`)),
    },
  };
}

function addResult(callers: Map<string, AssistantTurn>, item: Fields, path: string): void {
  const id = textAt(item.call_id, `${path}/call_id`);
  const turn = callers.get(id);
  if (!turn) throw refused(`${path}/call_id`, `no earlier call has the call_id ${quoted(id)}`);
  const parts = partsOrWords(item.output, `${path}/output`);
  const content = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  turn.results.push(resultMessage(id, content, path));
  turn.attachments.push(...parts.filter(({ type }) => type !== "text"));
}

function assistantMessages(turn: AssistantTurn): PlacedMessage[] {
  const { path, thinking, text, calls, results, attachments } = turn;
  // Reasoning alone is the rest of an answer that broke off.
  if (text === undefined && calls.length === 0) return [];
  const own = ownIds(turn);
  const message = { ...returnedMessage(turn), ...(thinking.length > 0 && { thinking_blocks: thinking }) };
  for (const { message: result } of results) result.tool_call_id = own.get(String(result.tool_call_id));
  return [
    { message, path },
    ...results,
    ...(attachments.length > 0 ? [{ message: { role: "user", content: attachments }, path }] : []),
  ];
}
