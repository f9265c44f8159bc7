import { isObject } from "../../../../../wire/json.ts";
import { type ProjectCall, projectCalls, type Round } from "../round.ts";
import { type AnswerContext, type JsonFields, objectsIn } from "./tool-dialect.ts";

/** The fields of an answer that carry reasoning, which some providers need back with the calls. */
const reasoningFields = [
  "reasoning_content",
  "reasoning",
  "reasoning_details",
  "thinking_blocks",
  "extra_content",
];

/** Returns the messages that an answer and the results of its calls are in a conversation. */
export function chatMessages({ answer, calls }: Pick<Round, "answer" | "calls">): JsonFields[] {
  const { role: _, content, tool_calls, ...others } = messageIn(answer);
  const reasoning = Object.fromEntries(
    Object.entries(others).filter(([name, value]) => reasoningFields.includes(name) && value != null),
  );
  // A call of the project without a result was cut off, and was not made.
  const withIds = objectsIn(tool_calls).flatMap((call, at) =>
    calls[at]?.tool && !calls[at].result ? [] : [{ ...call, id: calls[at]?.id ?? call["id"] }],
  );
  return [
    {
      role: "assistant",
      content: content ?? (withIds.length > 0 ? null : ""),
      ...reasoning,
      ...(withIds.length > 0 && { tool_calls: withIds }),
    },
    ...calls.flatMap((call) =>
      call.result ? [{ role: "tool", tool_call_id: call.id, content: call.result.text }] : [],
    ),
  ];
}

/** Returns the calls that were made, as the answer of a chat completion lists them: in the form that Groq gave it. */
export function executedIn(rounds: readonly Round[], context: Pick<AnswerContext, "tools">): JsonFields[] {
  return rounds.flatMap((round) =>
    projectCalls(round).flatMap((call) => (call.result ? [executedTool(call, round.number, context)] : [])),
  );
}

export function executedTool(
  { id, tool, text, result }: ProjectCall,
  round: number,
  { tools }: Pick<AnswerContext, "tools">,
): JsonFields {
  return {
    id,
    type: "mcp",
    round,
    server_label: tools.label,
    name: tool.name,
    arguments: text,
    ...(result && { output: result.text, is_error: result.isError }),
  };
}

export function messageIn(answer: JsonFields): JsonFields {
  const { message } = choiceIn(answer);
  return isObject(message) ? message : {};
}

export function choiceIn(answer: JsonFields): JsonFields {
  return objectsIn(answer["choices"])[0] ?? {};
}
