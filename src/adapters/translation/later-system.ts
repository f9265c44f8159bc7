import type { PlacedMessage } from "./halves.ts";
import type { Fields } from "./request-fields.ts";

/**
 * Moves system messages that stand behind the first turn into the user's turn beside them, marked. Chat templates of many
 * open models take one system message, at the beginning, and raise an error for others or drop their text (case 106).
 * Each message keeps its place, so that a provider's prompt cache holds in the next call.
 */
export function withOneSystem(messages: readonly PlacedMessage[]): PlacedMessage[] {
  const result: PlacedMessage[] = [];
  let waiting: { texts: string[]; path: string } | undefined;
  const flush = () => {
    if (!waiting) return;
    const { texts, path } = waiting;
    waiting = undefined;
    const last = result.at(-1);
    if (last?.message.role === "user") result[result.length - 1] = withTexts(last, [], texts);
    else result.push({ message: { role: "user", content: texts.join("\n\n") }, path });
  };
  for (const placed of messages) {
    const { role, content } = placed.message;
    const isFirst = result.every(({ message }) => message.role === "system");
    if (role === "system" && isFirst) addFirst(result, placed);
    else if (role === "system") {
      waiting ??= { texts: [], path: placed.path };
      waiting.texts.push(`<system>\n${content}\n</system>`);
    } else if (role === "user" && waiting) {
      result.push(withTexts(placed, waiting.texts, []));
      waiting = undefined;
    } else {
      // The results of tool calls follow their calls directly.
      if (role !== "tool") flush();
      result.push(placed);
    }
  }
  flush();
  return result;
}

/** Joins the system messages at the beginning to one. */
function addFirst(result: PlacedMessage[], placed: PlacedMessage): void {
  const [first] = result;
  if (!first) result.push(placed);
  else
    result[0] = {
      ...first,
      message: { ...first.message, content: `${first.message.content}\n\n${placed.message.content}` },
    };
}

function withTexts(
  placed: PlacedMessage,
  before: readonly string[],
  after: readonly string[],
): PlacedMessage {
  const { content } = placed.message;
  const parts = (texts: readonly string[]) => texts.map((text): Fields => ({ type: "text", text }));
  const joined = Array.isArray(content)
    ? [...parts(before), ...content, ...parts(after)]
    : [...before, content, ...after].join("\n\n");
  return { ...placed, message: { ...placed.message, content: joined } };
}
