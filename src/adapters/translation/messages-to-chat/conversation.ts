import { type ChatConversation, chatConversation, type PlacedMessage } from "../halves.ts";
import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers, textAt } from "../request-fields.ts";
import { fittingId, fittingName } from "../tool-names.ts";
import { blocksOf, contentOf, partOf, type TranslatedPart } from "./content.ts";
import { reasoningSignature } from "./response.ts";

const known = {
  message: ["role", "content"],
  result: ["type", "tool_use_id", "content", "is_error", "cache_control"],
  use: ["type", "id", "name", "input", "cache_control", "caller"],
};

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

/**
 * Translates an Anthropic conversation to chat messages (case 67). Consecutive messages of one role are one turn, as they
 * are at Anthropic (case 5). Tool results become messages of their own, before the user's own content; images in them
 * follow in a user message, because a tool message holds only text.
 *
 * @throws AppError `invalid_request`
 */
export function conversationOf(system: unknown, messages: unknown): ChatConversation {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  const placed = turnsOf(messages).flatMap((turn): PlacedMessage[] => {
    if ("message" in turn) return [turn];
    return turn.role === "user" ? userMessages(turn) : assistantMessages(turn);
  });
  if (placed.every(({ message }) => message.role === "system")) {
    throw refused("/messages", "messages must hold more than system messages");
  }
  return chatConversation([...systemMessages(system, "/system"), ...placed]);
}

/** Returns the turns of both roles, and the system messages between them. */
function turnsOf(messages: unknown[]): (Turn | PlacedMessage)[] {
  const turns: (Turn | PlacedMessage)[] = [];
  for (const [index, value] of messages.entries()) {
    const path = `/messages/${index}`;
    const message = objectAt(value, path);
    const { role } = message;
    refuseOthers(message, path, known.message);
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
  const blocks = blocksOf(content, path);
  if (blocks.length === 0) return [];
  const texts = blocks.map((block, index) => {
    if (block.type !== "text") throw refused(`${path}/${index}/type`, "system can only hold text");
    return textAt(block.text, `${path}/${index}/text`);
  });
  return [{ message: { role: "system", content: texts.join("\n\n") }, path }];
}

function userMessages({ blocks, path }: Turn): PlacedMessage[] {
  const results: PlacedMessage[] = [];
  const parts: TranslatedPart[] = [];
  for (const { block, at } of blocks) {
    if (block.type !== "tool_result") {
      parts.push(partOf(block, at));
      continue;
    }
    const { message, images } = toolMessage(block, at);
    results.push({ message, path: at });
    parts.push(...images);
  }
  const own = { message: { role: "user", content: contentOf(parts) }, path };
  return parts.length > 0 ? [...results, own] : results;
}

function toolMessage(block: Fields, path: string): { message: Fields; images: TranslatedPart[] } {
  refuseOthers(block, path, known.result);
  const content = blocksOf(block.content, `${path}/content`);
  const parts = content.map((one, index) => partOf(one, `${path}/content/${index}`));
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  return {
    message: {
      role: "tool",
      tool_call_id: fittingId(textAt(block.tool_use_id, `${path}/tool_use_id`)),
      content: block.is_error === true ? `Error: ${text}` : text,
    },
    images: parts.filter(({ type }) => type !== "text"),
  };
}

/**
 * Translates a turn of the assistant. Thinking that came from a chat provider goes back as `reasoning_content`: DeepSeek
 * refuses tool turns without it. Thinking that Anthropic signed has no meaning elsewhere and is left out.
 */
function assistantMessages({ blocks, path }: Turn): PlacedMessage[] {
  let text = "";
  let reasoning = "";
  const calls: Fields[] = [];
  for (const { block, at } of blocks) {
    if (block.type === "text") text += partOf(block, at).text;
    else if (block.type === "tool_use") calls.push(toolCall(block, at));
    else if (block.type === "thinking" && block.signature === reasoningSignature)
      reasoning += textAt(block.thinking, `${at}/thinking`);
    else if (block.type !== "thinking" && block.type !== "redacted_thinking") {
      throw refused(
        `${at}/type`,
        `a content block of type ${quoted(block.type)} cannot be sent to this llm's provider`,
      );
    }
  }
  if (text === "" && calls.length === 0) return [];
  const message = {
    role: "assistant",
    content: text === "" ? null : text,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return [{ message, path }];
}

function toolCall(block: Fields, path: string): Fields {
  refuseOthers(block, path, known.use);
  return {
    id: fittingId(textAt(block.id, `${path}/id`)),
    type: "function",
    function: {
      name: fittingName(textAt(block.name, `${path}/name`)),
      arguments: JSON.stringify(isGiven(block.input) ? block.input : {}),
    },
  };
}
