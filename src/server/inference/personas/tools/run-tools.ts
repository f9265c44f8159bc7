import { parsedObject } from "../../../../wire/json.ts";
import type { OpenTools, ToolResult } from "./offered-tools.ts";
import type { ResultBudget } from "./result-budget.ts";
import type { ProjectCall } from "./round.ts";

/** The most calls of one answer of a model that are made. */
const mostCalls = 32;
/** The calls that are made at the same time. */
const atOnce = 8;

/**
 * Makes the calls of one answer, several at a time, each once. A failure is a result, so that the model can go on.
 *
 * @param onResult called with each call as soon as it has its result
 * @param signal ends the calls; those that have not begun are not made
 */
export async function runTools(
  calls: readonly ProjectCall[],
  tools: OpenTools,
  budget: ResultBudget,
  onResult: (call: ProjectCall) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...calls.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const [at, call] = next;
      const { text, isError } = await resultOf(call, at, tools, signal);
      call.result = { text: budget.fitted(text), isError };
      onResult(call);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function resultOf(
  { tool, text }: ProjectCall,
  at: number,
  tools: OpenTools,
  signal: AbortSignal,
): Promise<ToolResult> {
  if (at >= mostCalls) return failed(`at most ${mostCalls} tools are called at a time; this one was not`);
  const args = parsedObject(text.trim() === "" ? "{}" : text);
  if (args === undefined || Array.isArray(args))
    return failed("the arguments are not a JSON object; the tool was not called");
  return await tools.call(tool.name, args as Record<string, unknown>, signal);
}

function failed(text: string): ToolResult {
  return { text, isError: true };
}
