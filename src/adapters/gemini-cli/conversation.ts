import { normalize } from "node:path";
import {
  type Fields,
  isGiven,
  listAt,
  objectAt,
  refused,
  refuseOthers,
  textAt,
} from "../translation/request-fields.ts";

/** Replaces the command's own system prompt, which is about tools and software projects. */
const plainSystem = "You are a helpful assistant. You have no tools.";

const introduction =
  "This is a conversation. A line in square brackets names who speaks next. Write the assistant's next turn, and " +
  "nothing else.";

/** Placeholders that the command replaces in a system-prompt file. */
const substituted = /\$\{\s*(?:AgentSkills|SubAgents|AvailableTools|\w+_ToolName)\s*\}/;

interface Turn {
  speaker: string;
  text: string;
}

/**
 * Translates a chat conversation to one prompt. System messages at the start become the system prompt. A single message
 * of the user is the prompt itself; several messages each follow a line such as `[user]`.
 *
 * @throws AppError `invalid_request` that names a part which is not text
 */
export function conversation(messages: unknown): { prompt: string; system: string } {
  if (!Array.isArray(messages) || messages.length === 0) throw refused("/messages", "messages is required");
  const turns = messages.map(turnOf);
  const first = turns.findIndex(({ speaker }) => speaker !== "system");
  if (first === -1) throw refused("/messages", "messages must hold more than system messages");
  const system = turns
    .slice(0, first)
    .map(({ text }) => text)
    .join("\n\n");
  // A system prompt that the command would change goes in front of the conversation instead.
  const isKept = !substituted.test(system);
  const prompt = promptOf(isKept ? turns.slice(first) : turns);
  return { prompt: withoutReferences(prompt), system: (isKept && system) || plainSystem };
}

function turnOf(value: unknown, index: number): Turn {
  const path = `/messages/${index}`;
  const message = objectAt(value, path);
  const { role } = message;
  switch (role) {
    case "system":
    case "developer":
      return { speaker: "system", text: textOf(message, path, []) };
    case "user": {
      const name = isGiven(message["name"]) ? textAt(message["name"], `${path}/name`) : undefined;
      return { speaker: "user", text: (name ? `${name}: ` : "") + textOf(message, path, []) };
    }
    case "assistant":
      return { speaker: "assistant", text: textOf(message, path, ["annotations", "reasoning_content"]) };
    default:
      throw refused(
        `${path}/role`,
        `a message of role ${String(role)} cannot be sent to this llm's provider`,
      );
  }
}

function textOf(message: Fields, path: string, annotations: readonly string[]): string {
  refuseOthers(message, path, ["role", "content", "name", "refusal", ...annotations], {
    tool_calls: (calls) => Array.isArray(calls) && calls.length === 0,
  });
  const { content } = message;
  const refusal = isGiven(message["refusal"]) ? textAt(message["refusal"], `${path}/refusal`) : "";
  if (!isGiven(content)) return refusal;
  if (typeof content === "string") return content + refusal;
  const parts = listAt(content, `${path}/content`).map((value, index) => {
    const place = `${path}/content/${index}`;
    const part = objectAt(value, place);
    if (part["type"] === "text") return textAt(part["text"], `${place}/text`);
    if (part["type"] === "refusal") return textAt(part["refusal"], `${place}/refusal`);
    throw refused(
      `${place}/type`,
      `content of type ${String(part["type"])} has no counterpart at the llm's provider`,
    );
  });
  return parts.join("\n") + refusal;
}

function promptOf(turns: Turn[]): string {
  const [only, ...others] = turns;
  // The program takes a prompt with a slash at its start for a command, and refuses an empty one.
  const isPlain = others.length === 0 && only!.speaker === "user" && /^[^/]/.test(only!.text.trimStart());
  if (isPlain) return only!.text;
  return [introduction, ...turns.map(({ speaker, text }) => `[${speaker}]\n${text}`)].join("\n\n");
}

/** An `@path` as the command finds it in a prompt; the path ends before white space and most punctuation. */
const reference = /(?<!\\)@((?:\\.|[^ \t\n\r,;!?()[\]{}.]|\.(?!$|[ \t\n\r]))+)/g;

/**
 * Escapes `@` where the command would take it for the working directory, as in `[@.]`, and rewrite the prompt. No other
 * path exists in that directory.
 */
function withoutReferences(prompt: string): string {
  if (!prompt.includes("@")) return prompt;
  return prompt.replace(reference, (whole: string, path: string) => {
    const plain = normalize(path.replace(/\\(.)/g, "$1"));
    return plain === "." || plain === "./" ? `\\${whole}` : whole;
  });
}
