import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { jsonText } from "../../wire/text.ts";
import { Words } from "../client/answers.ts";
import { answerShape } from "../client/shape.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import type { Format } from "../output/format.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

const groupings = ["day", "user", "token", "llm"] as const;

/** Units besides tokens. Those that nobody used have no column. */
const billedUnits = ["images", "seconds", "characters", "searches"] as const;

const usageArgs: Args = {
  by: {
    type: "string",
    valueHint: "WORDS",
    description: "Group by day, user, token or llm; several with commas (default user)",
  },
  since: {
    type: "string",
    valueHint: "DAY",
    description: "First day, such as 2026-11-01 (default: first of this month)",
  },
  until: { type: "string", valueHint: "DAY", description: "Last day (default: today)" },
  user: { type: "string", valueHint: "USER", description: "Only calls of this user" },
  token: { type: "string", valueHint: "TOKEN", description: "Only calls with this token" },
  llm: { type: "string", valueHint: "LLM", description: "Only calls of this llm" },
};

/** `mcpctl get usage`: calls, tokens and cost, grouped. */
export const usage: Report = { args: usageArgs, print: printUsage };

const Line = Type.Record(Type.String(), Type.Union([Words, Type.Number(), Type.Null()]));
const usageAnswer = answerShape(Type.Array(Line));

/** Returns the cost of a line. Calls of llms without a price are named: they did not cost nothing. */
function costOf({ cost, unpriced }: Record<string, string | number | null>): string {
  const dollars = typeof cost === "number" ? `$${cost.toFixed(4)}` : "";
  if (typeof unpriced !== "number" || unpriced === 0) return dollars || "$0.0000";
  return dollars === "" ? "unpriced" : `${dollars} (${unpriced} unpriced)`;
}

async function printUsage(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  if (format.as === "name")
    throw new AppError("usage", "-o name is not possible for usage, which has no names; use -o json or yaml");
  const query = Object.fromEntries(
    Object.keys(usageArgs).map((name) => [name, args[name] === undefined ? undefined : String(args[name])]),
  );
  const client = await context.client();
  const lines = await client.call("GET", "/api/v1/usage", { query, answer: usageAnswer });
  if (format.as === "json") return terminal.out(jsonText(lines));
  if (format.as === "yaml") {
    const { yamlText } = await import("../output/yaml.ts");
    return terminal.out(yamlText(lines));
  }
  if (format.as === "jsonpath")
    return terminal.data(
      terminal.outIsTerminal ? `${format.textOf(lines).trimEnd()}\n` : format.textOf(lines),
    );
  if (lines.length === 0) return terminal.err("No calls in this period.\n");
  const by = groupings.filter((grouping) => grouping in lines[0]!);
  const units = billedUnits.filter((unit) => lines.some((line) => Number(line[unit] ?? 0) > 0));
  const headers = [
    ...by.map((word) => word.toUpperCase()),
    "REQUESTS",
    "ERRORS",
    "PROMPT",
    "COMPLETION",
    "CACHED",
    ...units.map((unit) => unit.toUpperCase()),
    "COST",
  ];
  const rows = lines.map((line) => [
    ...by.map((word) => String(line[word] ?? "-")),
    ...["requests", "errors", "promptTokens", "completionTokens", "cachedTokens"].map((sum) =>
      String(line[sum]),
    ),
    ...units.map((unit) => String(line[unit] ?? 0)),
    costOf(line),
  ]);
  const { columns, color } = terminal;
  terminal.out(table(headers, rows, { columns, color, headers: args["no-headers"] !== true }));
}
