import { send } from "../../api/client.ts";
import { eventsOf } from "../../api/events.ts";

/** A message of a conversation. */
export interface ChatTurn {
  role: "user" | "assistant";
  content: string;
}

/** A call of a tool that the server makes for a persona. */
export interface ShownTool {
  id: string;
  server: string;
  name: string;
  arguments: string;
  output?: string;
  isError?: boolean;
}

/** An answer as far as it has come. */
export interface StreamedAnswer {
  text: string;
  reasoning: string;
  tools: ShownTool[];
  /** Milliseconds to the first text, and to the end. */
  firstToken?: number;
  total?: number;
  promptTokens?: number;
  completionTokens?: number;
  requestId?: string;
}

interface Chunk {
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; executed_tools?: ToolEntry[] };
  }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  error?: { message: string };
}

interface ToolEntry {
  id?: string;
  server_label?: string;
  name?: string;
  arguments?: string;
  output?: string;
  is_error?: boolean;
}

/**
 * Calls a model and shows its answer as it comes.
 *
 * @throws ApiError, or an error of the stream
 */
export async function streamChat(
  body: object,
  signal: AbortSignal,
  show: (answer: StreamedAnswer) => void,
): Promise<void> {
  const begun = performance.now();
  const response = await send("/v1/chat/completions", {
    method: "POST",
    signal,
    body: { ...body, stream: true, stream_options: { include_usage: true } },
  });
  const requestId = response.headers.get("x-request-id");
  const answer: StreamedAnswer = { text: "", reasoning: "", tools: [], ...(requestId && { requestId }) };
  for await (const { data } of eventsOf(response)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) throw new Error(chunk.error.message);
    const delta = chunk.choices?.[0]?.delta;
    answer.text += delta?.content ?? "";
    answer.reasoning += delta?.reasoning_content ?? "";
    for (const entry of delta?.executed_tools ?? []) addTool(answer.tools, entry);
    if (answer.firstToken === undefined && answer.text + answer.reasoning !== "")
      answer.firstToken = performance.now() - begun;
    if (chunk.usage) {
      answer.promptTokens = chunk.usage.prompt_tokens;
      answer.completionTokens = chunk.usage.completion_tokens;
    }
    show({ ...answer, tools: [...answer.tools] });
  }
  show({ ...answer, tools: [...answer.tools], total: performance.now() - begun });
}

/** The entry of a call comes when it begins, and again with its output. */
function addTool(
  tools: ShownTool[],
  { id = "", server_label, name, arguments: given, output, is_error }: ToolEntry,
): void {
  let tool = tools.find((one) => one.id === id);
  if (!tool) {
    tool = { id, server: server_label ?? "", name: name ?? "", arguments: given ?? "" };
    tools.push(tool);
  }
  if (output !== undefined) tool.output = output;
  if (is_error !== undefined) tool.isError = is_error;
}
