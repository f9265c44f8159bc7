import { randomUUID } from "node:crypto";
import { doneData } from "../../wire/dialects/chat.ts";
import { isObject } from "../../wire/json.ts";
import { sseFrame } from "../../wire/sse.ts";

type Fields = Record<string, unknown>;

/** Returns true for a line, or a whole answer, of Ollama's own API: https://docs.ollama.com/api/chat */
export function isOllamaLine(value: unknown): value is Fields {
  if (!isObject(value) || typeof value.done !== "boolean") return false;
  return isObject(value.message) || typeof value.response === "string";
}

/** Makes chat chunks of the lines of Ollama's own API, which some gateways pass on behind an url of OpenAI's form. */
export class OllamaLines {
  readonly #head = {
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1000),
  };
  #calls = 0;

  /** Returns the frames of one line. */
  frames(line: Fields): string {
    const { model, done, done_reason, prompt_eval_count, eval_count } = line;
    const chunk = (fields: object) => this.#frame({ model, ...fields });
    const piece = chunk({ choices: [{ index: 0, delta: this.#delta(line), finish_reason: null }] });
    if (done !== true) return piece;
    const finish_reason = done_reason === "length" ? "length" : this.#calls > 0 ? "tool_calls" : "stop";
    const [prompt, completion] = [prompt_eval_count, eval_count].map((count) => Number(count ?? 0));
    const usage = {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt! + completion!,
    };
    const isCounted = prompt_eval_count !== undefined || eval_count !== undefined;
    return (
      piece +
      chunk({ choices: [{ index: 0, delta: {}, finish_reason }] }) +
      (isCounted ? chunk({ choices: [], usage }) : "") +
      sseFrame({ data: doneData })
    );
  }

  #delta({ message, response, thinking }: Fields): Fields {
    const said = isObject(message) ? message : { content: response, thinking };
    const calls = Array.isArray(said.tool_calls) ? said.tool_calls.filter(isObject) : [];
    return {
      role: "assistant",
      content: typeof said.content === "string" ? said.content : "",
      ...(typeof said.thinking === "string" && said.thinking !== "" && { reasoning: said.thinking }),
      ...(calls.length > 0 && { tool_calls: calls.map((call) => this.#call(call)) }),
    };
  }

  #call({ id, function: called }: Fields): Fields {
    const { name, arguments: args } = isObject(called) ? called : ({} as Fields);
    return {
      index: this.#calls++,
      id: typeof id === "string" && id !== "" ? id : `call_${randomUUID()}`,
      type: "function",
      function: { name, arguments: typeof args === "string" ? args : JSON.stringify(args ?? {}) },
    };
  }

  #frame(fields: object): string {
    return sseFrame({ data: JSON.stringify({ ...this.#head, ...fields }) });
  }
}
