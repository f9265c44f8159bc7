import { type Fields, isGiven, objectAt, refused, textAt } from "../request-fields.ts";
import { blocksOf, contentOf, type Part, partOf } from "./content.ts";
import { reasoningSignature } from "./response.ts";

/**
 * An Anthropic conversation as chat messages (case 67). Tool results become messages of their own, before what
 * the user adds; images in them follow as a user's, because a tool message holds only text.
 *
 * @throws AppError `invalid_request`
 */
export function chatMessages(system: unknown, messages: unknown): Fields[] {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  return [
    ...systemMessages(system, "/system"),
    ...messages.flatMap((value, index) => {
      const path = `/messages/${index}`;
      const message = objectAt(value, path);
      switch (message.role) {
        case "user":
          return userMessages(blocksOf(message.content, `${path}/content`), `${path}/content`);
        case "assistant":
          return assistantMessages(blocksOf(message.content, `${path}/content`), `${path}/content`);
        case "system":
          return systemMessages(message.content, `${path}/content`);
        default:
          throw refused(
            `${path}/role`,
            `a message of role ${message.role} cannot be sent to this llm's provider`,
          );
      }
    }),
  ];
}

function systemMessages(content: unknown, path: string): Fields[] {
  const blocks = blocksOf(content, path);
  if (blocks.length === 0) return [];
  const texts = blocks.map((block, index) => {
    if (block.type !== "text") throw refused(`${path}/${index}/type`, "system can only hold text");
    return textAt(block.text, `${path}/${index}/text`);
  });
  return [{ role: "system", content: texts.join("\n\n") }];
}

function userMessages(blocks: Fields[], path: string): Fields[] {
  const results: Fields[] = [];
  const parts: Part[] = [];
  for (const [index, block] of blocks.entries()) {
    if (block.type !== "tool_result") {
      parts.push(partOf(block, `${path}/${index}`));
      continue;
    }
    const { message, images } = toolMessage(block, `${path}/${index}`);
    results.push(message);
    parts.push(...images);
  }
  return [...results, ...(parts.length > 0 ? [{ role: "user", content: contentOf(parts) }] : [])];
}

function toolMessage(block: Fields, path: string): { message: Fields; images: Part[] } {
  const content = blocksOf(block.content, `${path}/content`);
  const parts = content.map((one, index) => partOf(one, `${path}/content/${index}`));
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  return {
    message: {
      role: "tool",
      tool_call_id: textAt(block.tool_use_id, `${path}/tool_use_id`),
      content: block.is_error === true ? `Error: ${text}` : text,
    },
    images: parts.filter(({ type }) => type !== "text"),
  };
}

/**
 * Thinking that a chat provider gave goes back as `reasoning_content`: DeepSeek refuses tool turns without it.
 * Thinking that Anthropic signed means nothing to others and is left out.
 */
function assistantMessages(blocks: Fields[], path: string): Fields[] {
  let text = "";
  let reasoning = "";
  const calls: Fields[] = [];
  for (const [index, block] of blocks.entries()) {
    const at = `${path}/${index}`;
    if (block.type === "text") text += textAt(block.text, `${at}/text`);
    else if (block.type === "tool_use") calls.push(toolCall(block, at));
    else if (block.type === "thinking" && block.signature === reasoningSignature) reasoning += block.thinking;
    else if (block.type !== "thinking" && block.type !== "redacted_thinking") {
      throw refused(
        `${at}/type`,
        `a content block of type ${block.type} cannot be sent to this llm's provider`,
      );
    }
  }
  if (text === "" && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content: text === "" ? null : text,
      ...(reasoning !== "" && { reasoning_content: reasoning }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  ];
}

function toolCall(block: Fields, path: string): Fields {
  return {
    id: textAt(block.id, `${path}/id`),
    type: "function",
    function: {
      name: textAt(block.name, `${path}/name`),
      arguments: JSON.stringify(isGiven(block.input) ? block.input : {}),
    },
  };
}
