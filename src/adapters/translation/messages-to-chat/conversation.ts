import { AppError } from "../../../errors.ts";
import type { Quirks } from "../../quirks/types.ts";
import { isBillingLine } from "../billing-line.ts";
import { ownCallId } from "../call-ids.ts";
import { type CarriedState, carriedState } from "../carried-state.ts";
import { type ChatConversation, chatConversation, type PlacedMessage } from "../halves.ts";
import { withOneSystem } from "../later-system.ts";
import { pairedCalls } from "../paired-calls.ts";
import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers, textAt } from "../request-fields.ts";
import { ownIds, returnedMessage } from "../returned-state.ts";
import { fittingName } from "../tool-names.ts";
import { blocksOf, contentOf, partsOf, type TranslatedPart } from "./content.ts";
import { wordsOf } from "./hosted-blocks.ts";

/** Some clients give each message an id. */
const knownOfMessage = ["role", "content", "id"];

/** A content block, and a JSON pointer to it. */
interface PlacedBlock {
  block: Fields;
  at: string;
}

/** Consecutive messages of one role. */
interface Turn {
  role: "user" | "assistant";
  /** A JSON pointer to its first message. */
  path: string;
  blocks: PlacedBlock[];
}

/** The provider's ids of the calls so far, by the caller's. */
type OwnIds = Map<string, string>;

/**
 * Translates an Anthropic conversation to chat messages (case 67). Consecutive messages of one role are one turn, as they
 * are at Anthropic (case 5). Tool results become messages of their own, before the user's own content; images in them
 * follow in a user message, because a tool message holds only text at most providers.
 *
 * Clients send their whole history with each request. So only what is new is refused: what stands before the last turn of
 * the assistant becomes text or is left out where the provider has no counterpart (case 95).
 *
 * @throws AppError `invalid_request`
 */
export function conversationOf(
  { system, messages, model }: Fields,
  { laterSystem, resultParts }: Quirks,
): ChatConversation {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  const turns = turnsOf(messages);
  const lastAnswer = turns.findLastIndex((turn) => "role" in turn && turn.role === "assistant");
  const own: OwnIds = new Map();
  const placed = turns.flatMap((turn, index): PlacedMessage[] => {
    if ("message" in turn) return [turn];
    return turn.role === "user"
      ? userMessages(turn, own, { isHistory: index < lastAnswer, resultParts })
      : assistantMessages(turn, own, model);
  });
  if (placed.every(({ message }) => message.role === "system")) {
    throw refused("/messages", "messages must hold more than system messages");
  }
  const all = [...systemMessages(system, "/system"), ...pairedCalls(placed)];
  return chatConversation(laterSystem ? all : withOneSystem(all));
}

/** Returns the turns of both roles, and the system messages between them. */
function turnsOf(messages: unknown[]): (Turn | PlacedMessage)[] {
  const turns: (Turn | PlacedMessage)[] = [];
  for (const [index, value] of messages.entries()) {
    const path = `/messages/${index}`;
    const message = objectAt(value, path);
    const { role } = message;
    if (role !== "assistant") refuseOthers(message, path, knownOfMessage);
    if (role === "system") {
      turns.push(...systemMessages(message.content, `${path}/content`));
      continue;
    }
    if (role !== "user" && role !== "assistant") {
      throw refused(
        `${path}/role`,
        `a message of role ${quoted(role)} cannot be sent to this llm's provider`,
      );
    }
    const blocks = blocksOf(message.content, `${path}/content`).map((block, place) => ({
      block,
      at: `${path}/content/${place}`,
    }));
    const last = turns.at(-1);
    if (last && "role" in last && last.role === role) last.blocks.push(...blocks);
    else turns.push({ role, path, blocks });
  }
  return turns;
}

function systemMessages(content: unknown, path: string): PlacedMessage[] {
  const texts = blocksOf(content, path).map((block, index) => {
    const words = block.type === "text" ? "" : wordsOf(block);
    if (words !== "") return words;
    if (block.type !== "text") throw refused(`${path}/${index}/type`, "system can only hold text");
    return textAt(block.text, `${path}/${index}/text`);
  });
  const read = texts.filter((text) => !isBillingLine(text));
  return read.length === 0 ? [] : [{ message: { role: "system", content: read.join("\n\n") }, path }];
}

function userMessages(
  { blocks, path }: Turn,
  own: OwnIds,
  { isHistory, resultParts }: { isHistory: boolean; resultParts: boolean | undefined },
): PlacedMessage[] {
  const results: PlacedMessage[] = [];
  const parts: TranslatedPart[] = [];
  for (const { block, at } of blocks) {
    if (block.type !== "tool_result") {
      parts.push(...(isHistory ? partsOrWords(block, at) : partsOf(block, at)));
      continue;
    }
    const { message, images } = toolMessage(block, at, own);
    const text = message.content === "" ? [] : [{ type: "text", text: message.content }];
    const isWhole = resultParts && images.length > 0;
    results.push({ message: isWhole ? { ...message, content: [...text, ...images] } : message, path: at });
    if (!isWhole) parts.push(...images);
  }
  const message = { message: { role: "user", content: contentOf(parts) }, path };
  return parts.length > 0 ? [...results, message] : results;
}

/** Translates the result of a tool. Nothing in it is refused: it comes from a tool, and the next request has it too. */
function toolMessage(
  block: Fields,
  path: string,
  own: OwnIds,
): { message: Fields; images: TranslatedPart[] } {
  const content = blocksOf(block.content, `${path}/content`);
  const parts = content.flatMap((one, index) => partsOrWords(one, `${path}/content/${index}`));
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  const id = textAt(block.tool_use_id, `${path}/tool_use_id`);
  return {
    message: {
      role: "tool",
      tool_call_id: own.get(id) ?? ownCallId(id),
      content: block.is_error === true ? `Error: ${text}` : text,
    },
    images: parts.filter(({ type }) => type !== "text"),
  };
}

/** Translates a block of the history. One without a counterpart becomes words. */
function partsOrWords(block: Fields, path: string): TranslatedPart[] {
  try {
    return partsOf(block, path);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const words = wordsOf(block) || `[A block of type ${quoted(block.type)} that this model cannot read.]`;
    return [{ type: "text", text: words }];
  }
}

/**
 * Translates a turn of the assistant. Thinking that came from a chat provider goes back under the name that it had there:
 * DeepSeek refuses tool turns without it. Thinking that Anthropic signed has no meaning elsewhere and is left out.
 */
function assistantMessages({ blocks, path }: Turn, own: OwnIds, model: unknown): PlacedMessage[] {
  let text = "";
  let reasoning = "";
  const calls: Fields[] = [];
  const states: CarriedState[] = [];
  for (const { block, at } of blocks) {
    if (block.type === "text") text += isGiven(block.text) ? textAt(block.text, `${at}/text`) : "";
    else if (block.type === "tool_use") calls.push(toolCall(block, at));
    else if (block.type === "thinking") {
      const state = carriedState(block.signature, model);
      if (!state) continue;
      states.push(state);
      if (typeof block.thinking === "string") reasoning += block.thinking;
    } else if (block.type !== "redacted_thinking") {
      const words = wordsOf(block);
      if (words !== "") text += text === "" ? words : `\n\n${words}\n\n`;
    }
  }
  for (const [id, ownId] of ownIds({ calls, states })) own.set(id, ownId);
  if (text === "" && calls.length === 0) return [];
  return [{ message: returnedMessage({ text, reasoning, calls, states }), path }];
}

function toolCall(block: Fields, path: string): Fields {
  return {
    id: textAt(block.id, `${path}/id`),
    type: "function",
    function: {
      name: fittingName(textAt(block.name, `${path}/name`)),
      arguments: JSON.stringify(isGiven(block.input) ? block.input : {}),
    },
  };
}
