import type { ProjectCall } from "../round.ts";
import type { AnswerContext, JsonFields } from "./tool-dialect.ts";

/** Items that are a call of a tool with a name. */
export const callTypes: ReadonlySet<unknown> = new Set(["function_call", "custom_tool_call"]);

/** The beginning of the ids of items, after which the id of the call follows. */
const idStart = "mcp_";

/** The item of a call of a tool of the project, with its result if there is one. */
export function callItem(
  { id, tool, text, result }: ProjectCall,
  { tools }: Pick<AnswerContext, "tools">,
): JsonFields {
  return {
    id: idStart + id,
    type: "mcp_call",
    status: result === undefined ? "in_progress" : result.isError ? "failed" : "completed",
    server_label: tools.label,
    name: tool.name,
    arguments: result === undefined ? "" : text,
    approval_request_id: null,
    output: result && !result.isError ? result.text : null,
    error: result?.isError
      ? { type: "mcp_tool_execution_error", content: [{ type: "text", text: result.text }] }
      : null,
  };
}

/** Returns the id of a call from that of its item. */
export function callIdOf(itemId: string): string {
  return itemId.startsWith(idStart) ? itemId.slice(idStart.length) : itemId;
}

/** Returns an answer with what the caller asked for in the place of what the model got. */
export function asCallersAnswer(answer: JsonFields, { answerId, body }: AnswerContext): JsonFields {
  return {
    ...answer,
    ...(answerId !== undefined && { id: answerId }),
    ...("tools" in answer && { tools: body["tools"] ?? [] }),
    ...("tool_choice" in answer && { tool_choice: body["tool_choice"] ?? "auto" }),
  };
}
