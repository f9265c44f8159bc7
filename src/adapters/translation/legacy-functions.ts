import { isObject } from "../../wire/json.ts";
import type { Translation } from "../types.ts";
import { WrappingPipe } from "../wrapping-pipe.ts";
import { type Fields, isEmpty, isGiven, listAt, objectAt } from "./request-fields.ts";

/**
 * Lets a translation take `functions` and `function_call`, OpenAI's form of tools before there were several calls in one
 * answer. Such a caller gets one call at most, as `function_call` of the message (case 177).
 */
export function withFunctions(translation: Translation): Translation {
  return {
    ...translation,
    request: (body, model, quirks) => translation.request(asTools(body), model, quirks),
    response(body, model, request = {}) {
      const answer = translation.response(body, model, asTools(request));
      return hasFunctions(request) ? withFunctionCall(answer) : answer;
    },
    stream(model, request) {
      const pipe = translation.stream(model, asTools(request));
      return hasFunctions(request) ? new FunctionCallPipe(pipe) : pipe;
    },
  };
}

function hasFunctions({ functions }: Fields): boolean {
  return isGiven(functions) && !isEmpty(functions);
}

/** Returns a request with its functions as tools; the same one where it has none. */
function asTools(body: Fields): Fields {
  if (!hasFunctions(body)) return body;
  const { functions, function_call: choice, ...rest } = body;
  const tools = listAt(functions, "/functions").map((one, index) => ({
    type: "function",
    function: objectAt(one, `/functions/${index}`),
  }));
  const named = isObject(choice) ? { type: "function", function: { name: choice["name"] } } : choice;
  return { ...rest, tools, ...(isGiven(named) && { tool_choice: named }), parallel_tool_calls: false };
}

interface Choice {
  message?: Fields;
  delta?: Fields;
  finish_reason?: unknown;
}

/** Returns an answer, or a chunk of one, with its first call in the older form. */
function withFunctionCall(answer: Fields): Fields {
  const choices = Array.isArray(answer.choices) ? (answer.choices as Choice[]) : [];
  return { ...answer, choices: choices.map(oldChoice) };
}

function oldChoice({ message, delta, finish_reason, ...rest }: Choice): Choice {
  return {
    ...rest,
    ...(message && { message: oldCall(message) }),
    ...(delta && { delta: oldCall(delta) }),
    finish_reason: finish_reason === "tool_calls" ? "function_call" : finish_reason,
  };
}

function oldCall({ tool_calls, ...rest }: Fields): Fields {
  const calls = Array.isArray(tool_calls) ? tool_calls.filter(isObject) : [];
  const first = calls.find(({ index = 0 }) => index === 0);
  return first ? { ...rest, function_call: first["function"] } : rest;
}

/** Rewrites the chunks of a stream that tell of calls, and its end. The pipe before it returns whole frames as text. */
class FunctionCallPipe extends WrappingPipe {
  push(chunk: Uint8Array): Uint8Array | string | null {
    return rewritten(this.inner.push(chunk));
  }

  end(): Uint8Array | string | null {
    return rewritten(this.inner.end());
  }
}

function rewritten(out: Uint8Array | string | null): Uint8Array | string | null {
  if (typeof out !== "string" || !out.includes('"tool_calls"')) return out;
  return out.replace(/^data: (\{.*"tool_calls".*\})$/gm, (_line, json: string) => {
    return `data: ${JSON.stringify(withFunctionCall(JSON.parse(json)))}`;
  });
}
