import type {
  ChatAnswer,
  ChatChoice,
  ChatCompletion,
  ChatToolCall,
  ChatToolCallDelta,
} from "../../wire/dialects/chat.ts";
import { isObject } from "../../wire/json.ts";

/** Reads the pieces of a streamed chat answer from its choices, wherever a provider puts them. */
export class AnswerPieces {
  #hasBegun = false;
  #index: number | null | undefined;

  /** Returns the choice of a chunk that is read: the first one of the answer, whichever number it has. */
  choiceIn({ choices }: ChatCompletion): ChatChoice | undefined {
    if (!Array.isArray(choices)) return undefined;
    this.#index ??= choices[0]?.index;
    return choices.find((one) => isObject(one) && (one.index ?? this.#index) === this.#index);
  }

  /** Returns the piece of a choice, with calls in the form of before tools among its tool calls. */
  of(choice: ChatChoice): ChatAnswer<ChatToolCallDelta> {
    return withCalls(this.asSent(choice));
  }

  /**
   * Returns the piece of a choice. Servers that do not really stream send the whole `message` in one chunk; behind pieces it
   * repeats them and is not read. Others send the `text` of completions.
   */
  asSent({ delta, message, text }: ChatChoice): ChatAnswer<ChatToolCallDelta> {
    if (isObject(delta)) {
      this.#hasBegun ||= Object.keys(delta).some((name) => name !== "role");
      return delta;
    }
    if (typeof text === "string") return { content: text };
    if (this.#hasBegun || !isObject(message)) return {};
    const { tool_calls } = message;
    return Array.isArray(tool_calls)
      ? { ...message, tool_calls: tool_calls.map((call, index) => ({ index, ...call })) }
      : message;
  }
}

/** Returns an answer, or a piece of one, with a call in the form of before tools, `function_call`, among its tool calls. */
export function withCalls<Call extends ChatToolCall>(answer: ChatAnswer<Call>): ChatAnswer<Call> {
  const { function_call: called, tool_calls } = answer;
  if (!isObject(called) || (Array.isArray(tool_calls) && tool_calls.length > 0)) return answer;
  return { ...answer, tool_calls: [{ index: 0, type: "function", function: called } as unknown as Call] };
}
