import type { ProjectTool, ToolResult } from "./offered-tools.ts";

type Fields = Record<string, unknown>;

/** A call of a tool in the answer of a model. */
export interface AnswerCall {
  id: string;
  /** The name that the model uses. */
  name: string;
  /** The arguments as JSON text. */
  text: string;
}

/** A call in the place that it has among all calls of its answer. */
export interface RoundCall extends AnswerCall {
  /** The tool of the project; undefined for a tool of the caller. */
  tool?: ProjectTool;
  /** Set when a tool of the project has been called. */
  result?: ToolResult;
}

/** A call of a tool of the project. */
export type ProjectCall = RoundCall & { tool: ProjectTool };

/** One answer of the model, and the calls in it. */
export interface Round {
  /** The number of the round, from 0. */
  number: number;
  answer: Fields;
  calls: readonly RoundCall[];
  /** True if the caller gets the text of this round as it is: no tool is called after it. */
  isLast: boolean;
}

/** Returns the calls of tools of the project. */
export function projectCalls({ calls }: Pick<Round, "calls">): ProjectCall[] {
  return calls.filter((call): call is ProjectCall => call.tool !== undefined);
}

/** Returns the text that a model gets as the result of a call. */
export function resultText({ result }: RoundCall): string {
  return result?.text ?? "";
}

/** Adds the counts of two reports of usage. What is no number is that of the later one. */
export function addedUsage(earlier: unknown, later: unknown): unknown {
  if (typeof earlier === "number" && typeof later === "number") return earlier + later;
  if (!isFields(earlier) || !isFields(later)) return later ?? earlier;
  const sum: Fields = { ...earlier };
  for (const [key, value] of Object.entries(later)) sum[key] = addedUsage(earlier[key], value);
  return sum;
}

/** Returns the usage of all rounds; undefined if none has one. */
export function usageOfAll(rounds: readonly Pick<Round, "answer">[]): unknown {
  return rounds.map(({ answer }) => answer["usage"]).reduce(addedUsage, undefined);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
