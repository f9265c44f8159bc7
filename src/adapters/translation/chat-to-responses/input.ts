import { isObject } from "../../../wire/json.ts";
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
import { sealedItems } from "../sealed-items.ts";
import { inputParts, outputParts, textOfParts } from "./content.ts";

const knownOfMessage = ["role", "content", "name", "cache_control"];

/**
 * Translates chat messages to the instructions and the items of a responses request (case 125). The system messages
 * before the first turn are the instructions, later ones keep their place. What stands before the last answer is history,
 * in which nothing is refused for its content (case 95).
 *
 * @param takesSealed True if the provider reads sealed reasoning.
 * @throws AppError `invalid_request`
 */
export function inputOf(messages: unknown, takesSealed: boolean): { instructions?: string; input: Fields[] } {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  const instructions: string[] = [];
  const input: Fields[] = [];
  const customCalls = new Set<unknown>();
  const paired = pairedCalls(withoutForeignBlocks(placedMessages(messages)));
  const lastAnswer = paired.findLastIndex(({ message }) => message.role === "assistant");
  for (const [index, { message, path }] of paired.entries()) {
    const { role, content } = message;
    switch (role) {
      case "system":
      case "developer": {
        refuseOthers(message, path, knownOfMessage);
        const text = textOfParts(content, `${path}/content`);
        if (text === "") break;
        if (input.length === 0) instructions.push(text);
        else input.push({ type: "message", role, content: [{ type: "input_text", text }] });
        break;
      }
      case "user": {
        refuseOthers(message, path, knownOfMessage);
        const parts = inputParts(content, `${path}/content`, index < lastAnswer);
        if (parts.length > 0) input.push({ type: "message", role, content: parts });
        break;
      }
      case "assistant":
        for (const item of assistantItems(message, path, takesSealed)) {
          input.push(item);
          if (item.type === "custom_tool_call") customCalls.add(item.call_id);
        }
        break;
      case "tool":
        input.push(resultItem(message, path, customCalls));
        break;
      default:
        throw refused(
          `${path}/role`,
          `a message of role ${quoted(role)} cannot be sent to this llm's provider`,
        );
    }
  }
  if (input.length === 0) throw refused("/messages", "messages must hold more than system messages");
  return { ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }), input };
}

/**
 * Returns the items of an earlier answer. Its reasoning stands where it was; reasoning with nothing behind it is left out,
 * because OpenAI refuses it.
 */
function assistantItems(message: Fields, path: string, takesSealed: boolean): Fields[] {
  const { tool_calls } = message;
  const parts = outputParts(message);
  const phase = phaseOf(message.extra_content);
  const said = { type: "message", role: "assistant", content: parts, ...(phase !== undefined && { phase }) };
  const calls = isGiven(tool_calls) ? listAt(tool_calls, `${path}/tool_calls`) : [];
  const rest = [
    ...(parts.length > 0 ? [said] : []),
    ...calls.map((call, index) => callItem(call, `${path}/tool_calls/${index}`)),
  ];
  if (!takesSealed) return rest;
  const items: Fields[] = [];
  for (const { item, index } of sealedItems(message.reasoning_details)) {
    while (items.length < index && rest.length > 0) items.push(rest.shift()!);
    if (rest.length > 0) items.push(item);
  }
  return [...items, ...rest];
}

/** Returns the phase of an earlier message, which OpenAI's newer models need back: `commentary` or `final_answer`. */
function phaseOf(extra: unknown): string | undefined {
  const openai = isObject(extra) ? extra.openai : undefined;
  return isObject(openai) && typeof openai.phase === "string" ? openai.phase : undefined;
}

function callItem(value: unknown, path: string): Fields {
  const call = objectAt(value, path);
  const call_id = textAt(call.id, `${path}/id`);
  if (call.type === "custom") {
    const custom = objectAt(call.custom, `${path}/custom`);
    const name = textAt(custom.name, `${path}/custom/name`);
    return { type: "custom_tool_call", call_id, name, input: String(custom.input ?? "") };
  }
  const called = objectAt(call.function, `${path}/function`);
  const { arguments: args } = called;
  return {
    type: "function_call",
    call_id,
    name: textAt(called.name, `${path}/function/name`),
    arguments: typeof args === "string" ? args : JSON.stringify(args ?? {}),
  };
}

/** Translates the result of a tool. Nothing in it is refused: it comes from a tool, and the next request has it too. */
function resultItem(message: Fields, path: string, customCalls: ReadonlySet<unknown>): Fields {
  refuseOthers(message, path, [...knownOfMessage, "tool_call_id"]);
  const call_id = textAt(message.tool_call_id, `${path}/tool_call_id`);
  const parts = inputParts(resultContent(message.content), `${path}/content`, true);
  const isText = parts.every(({ type }) => type === "input_text");
  const output = isText ? parts.map(({ text }) => text).join("\n\n") : parts;
  const kind = customCalls.has(call_id) ? "custom_tool_call" : "function_call";
  return { type: `${kind}_output`, call_id, output };
}
