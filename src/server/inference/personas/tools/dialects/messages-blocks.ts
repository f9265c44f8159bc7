import type { ProjectCall } from "../round.ts";
import type { AnswerContext, JsonFields } from "./tool-dialect.ts";

/** The block of a call of a tool of the project. */
export function callBlock(
  { id, tool, text }: ProjectCall,
  { tools }: Pick<AnswerContext, "tools">,
): JsonFields {
  return { type: "mcp_tool_use", id, name: tool.name, server_name: tools.label, input: inputOf(text) };
}

/** The block of the result of such a call. */
export function resultBlock({ id, result }: ProjectCall): JsonFields {
  return {
    type: "mcp_tool_result",
    tool_use_id: id,
    is_error: result?.isError ?? false,
    content: [{ type: "text", text: result?.text ?? "" }],
  };
}

function inputOf(text: string): unknown {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
}
