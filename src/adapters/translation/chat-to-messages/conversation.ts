import type { Quirks } from "../../quirks/types.ts";
import { withoutForeignBlocks } from "../foreign-blocks.ts";
import { placedMessages } from "../halves.ts";
import { pairedCalls } from "../paired-calls.ts";
import {
  type Fields,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { resultContent } from "../result-content.ts";
import { toolInput } from "../tool-arguments.ts";
import { fittingName } from "../tool-names.ts";
import {
  answerBlocks,
  type Block,
  blocksOrWords,
  cacheControl,
  contentBlocks,
  textBlocks,
} from "./content.ts";
import { HistoryCallIds } from "./history-call-ids.ts";
import { returnedThinking } from "./signed-thinking.ts";

export interface Turn {
  role: "user" | "assistant" | "system";
  content: Block[];
}

/** Chat clients that know Anthropic set `cache_control` on a whole message; others give it an id. */
const knownOfMessage = ["role", "content", "name", "cache_control", "id"];

/**
 * Translates a chat conversation to Anthropic's: the first system messages go to the top and later ones stay in their place
 * (case 1), turns alternate (case 5), the results of parallel tool calls stand in one turn, before the user's own content
 * (case 4).
 *
 * A user's `name` goes in front of the text. Other names and annotations of answers (`annotations`, unsigned
 * `reasoning_content`, fields of other gateways) are left out: Anthropic has no place for them (case 40). What stands
 * before the last answer is history, which clients send with each request: nothing in it is refused for its content
 * (case 95).
 *
 * @throws AppError `invalid_request`
 */
export function conversation(
  messages: unknown,
  quirks: Quirks,
): { system?: string | Block[]; messages: Turn[] } {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  const system: Block[] = [];
  const turns: Turn[] = [];
  const results = new ResultPlaces();
  const ids = new HistoryCallIds();
  const paired = pairedCalls(withoutForeignBlocks(placedMessages(messages)));
  const lastAnswer = paired.findLastIndex(({ message }) => message.role === "assistant");
  for (const [index, { message, path }] of paired.entries()) {
    switch (message.role) {
      case "system":
      case "developer":
        refuseOthers(message, path, knownOfMessage);
        addSystem(system, turns, marked(textBlocks(message.content, `${path}/content`), message), quirks);
        break;
      case "user": {
        const isHistory = index < lastAnswer;
        if (!isHistory) refuseOthers(message, path, knownOfMessage);
        const read = isHistory ? blocksOrWords : contentBlocks;
        const blocks = named(read(message.content, `${path}/content`), message.name);
        addBlocks(turns, "user", marked(blocks, message));
        break;
      }
      case "assistant":
        addBlocks(turns, "assistant", assistantBlocks(message, path, ids));
        break;
      case "tool":
      case "function":
        results.add(turns, toolResult(message, path, ids));
        break;
      default:
        throw refused(
          `${path}/role`,
          `a message of role ${quoted(message.role)} cannot be sent to this llm's provider`,
        );
    }
  }
  trimPrefill(turns);
  if (turns.length === 0) throw refused("/messages", "messages must hold more than system messages");
  return { ...(system.length > 0 && { system: joinedSystem(system) }), messages: turns };
}

/**
 * Adds a system message: to the top before the first turn, later as a turn of its own where the model takes one, else to
 * the user's turn, marked. At the top it would change the beginning of the prompt, and Anthropic's cache would not hold.
 */
function addSystem(system: Block[], turns: Turn[], blocks: Block[], { laterSystem }: Quirks): void {
  const last = turns.at(-1);
  if (!last) system.push(...blocks);
  else if (
    laterSystem &&
    !(last.role === "assistant" && last.content.some(({ type }) => type === "tool_use"))
  )
    addBlocks(turns, "system", blocks);
  else
    addBlocks(
      turns,
      "user",
      blocks.map((block) => ({ ...block, text: `<system>\n${block["text"]}\n</system>` })),
    );
}

/**
 * Returns true if the last answer calls tools and has no thinking. Anthropic then refuses a budget for thinking: the
 * answer in progress would have to begin with signed thinking, which most chat clients do not keep.
 */
export function callsWithoutThinking(turns: readonly Turn[]): boolean {
  const content = turns.findLast(({ role }) => role === "assistant")?.content ?? [];
  return content.some(({ type }) => type === "tool_use") && !/thinking$/.test(content[0]!.type);
}

/** Joins the system messages to one text, unless a part of it has a mark of the prompt cache. */
function joinedSystem(blocks: Block[]): string | Block[] {
  if (blocks.some((block) => "cache_control" in block)) return blocks;
  return blocks.map(({ text }) => text).join("\n\n");
}

function named(blocks: Block[], name: unknown): Block[] {
  const first = blocks.findIndex(({ type }) => type === "text");
  if (typeof name !== "string" || first === -1) return blocks;
  return blocks.with(first, { ...blocks[first]!, text: `${name}: ${blocks[first]!.text}` });
}

function assistantBlocks(message: Fields, path: string, ids: HistoryCallIds): Block[] {
  const { tool_calls, function_call } = message;
  const calls = isGiven(tool_calls) ? listAt(tool_calls, `${path}/tool_calls`) : [];
  const blocks = [
    ...answerBlocks(message.content, `${path}/content`),
    ...(typeof message.refusal === "string" ? textBlocks(message.refusal, path) : []),
    ...calls.map((call, index) => toolUse(call, `${path}/tool_calls/${index}`, ids)),
    // The older form of a call, which has no id.
    ...(isGiven(function_call)
      ? [functionUse(objectAt(function_call, `${path}/function_call`), path, ids)]
      : []),
  ];
  // Signed thinking goes first and unchanged: otherwise Anthropic refuses the turn (case 40).
  return [...returnedThinking(message, path), ...marked(blocks, message)];
}

/** Puts the mark of a whole message on its last block. */
function marked(blocks: Block[], message: Fields): Block[] {
  const last = blocks.at(-1);
  if (!last || !isGiven(message.cache_control)) return blocks;
  return blocks.with(-1, { ...last, ...cacheControl(message) });
}

function toolUse(value: unknown, path: string, ids: HistoryCallIds): Block {
  const call = objectAt(value, path);
  const id = ids.called(textAt(call.id, `${path}/id`));
  if (call.type === "custom") {
    const custom = objectAt(call.custom, `${path}/custom`);
    const name = fittingName(textAt(custom.name, `${path}/custom/name`));
    return { type: "tool_use", id, name, input: { input: custom.input ?? "" } };
  }
  const called = objectAt(call.function, `${path}/function`);
  return {
    type: "tool_use",
    id,
    name: fittingName(textAt(called.name, `${path}/function/name`)),
    input: toolInput(called.arguments),
    ...cacheControl(call),
  };
}

function functionUse(called: Fields, path: string, ids: HistoryCallIds): Block {
  const name = textAt(called.name, `${path}/function_call/name`);
  return {
    type: "tool_use",
    id: ids.called(name),
    name: fittingName(name),
    input: toolInput(called.arguments),
  };
}

/** Translates the result of a tool call. A result without an id is refused (case 7). */
function toolResult(message: Fields, path: string, ids: HistoryCallIds): Block {
  const id = message.role === "function" ? message.name : message.tool_call_id;
  if (!isGiven(id) || id === "") {
    throw refused(`${path}/tool_call_id`, "a tool message needs the tool_call_id it answers");
  }
  const content = blocksOrWords(resultContent(message.content), `${path}/content`);
  return {
    type: "tool_result",
    tool_use_id: ids.answered(textAt(id, `${path}/tool_call_id`)),
    ...(content.length > 0 && { content }),
    ...cacheControl(message),
  };
}

function addBlocks(turns: Turn[], role: Turn["role"], blocks: Block[]): void {
  if (blocks.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...blocks);
  else turns.push({ role, content: blocks });
}

/** Puts the results of tools before the user's own content of their turn. */
class ResultPlaces {
  #turn: Turn | undefined;
  /** Number of results at the beginning of the turn: to count them for each of thousands would take seconds (T293). */
  #count = 0;

  add(turns: Turn[], result: Block): void {
    const last = turns.at(-1);
    const isUser = last?.role === "user";
    const turn: Turn = isUser ? last : { role: "user", content: [] };
    if (!isUser) turns.push(turn);
    if (turn !== this.#turn) {
      const behind = turn.content.findIndex(({ type }) => type !== "tool_result");
      this.#turn = turn;
      this.#count = behind === -1 ? turn.content.length : behind;
    }
    turn.content.splice(this.#count++, 0, result);
  }
}

/** Removes white space from the end of an answer to be continued: Anthropic refuses it (case 13). */
function trimPrefill(turns: Turn[]): void {
  const last = turns.at(-1);
  const block = last?.content.at(-1);
  if (last?.role !== "assistant" || block?.type !== "text") return;
  block.text = String(block.text).trimEnd();
}
