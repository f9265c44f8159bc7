import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { identityAnswer } from "../client/account-answers.ts";
import { Words } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { limitsAnswer } from "../client/limit-answers.ts";
import { answerShape } from "../client/shape.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { timeOf } from "../core/time-flag.ts";
import type { Format } from "../output/format.ts";
import { type LimitUse, limitHeaders, limitRow } from "../output/limits.ts";
import { costText, numberText } from "../output/numbers.ts";
import { printedAsData } from "../output/print.ts";
import { type TableOptions, table } from "../output/table.ts";
import type { Report } from "./extension.ts";
import { warnOfUnknownNames } from "./unknown-names.ts";

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
    description: "First day: 7d ago, or a day such as 2026-11-01 (default: first of this month)",
  },
  until: { type: "string", valueHint: "DAY", description: "Last day, in the same forms (default: today)" },
  user: {
    type: "string",
    complete: { kind: "user" },
    valueHint: "USER",
    description: "Only calls of this user",
  },
  token: {
    type: "string",
    complete: { kind: "token" },
    valueHint: "TOKEN",
    description: "Only calls with this token",
  },
  llm: { type: "string", complete: { kind: "llm" }, valueHint: "LLM", description: "Only calls of this llm" },
  mine: { type: "boolean", description: "Only your own calls, with the limits that apply to you" },
  limits: {
    type: "boolean",
    description: "Show limits with the use that counts against them, instead of calls",
  },
};

const filters = ["by", "since", "until", "user", "token", "llm"] as const;

/** `mcpctl get usage`: calls, tokens and cost, grouped. */
export const usage: Report = { args: usageArgs, print: printUsage };

const Line = Type.Record(Type.String(), Type.Union([Words, Type.Number(), Type.Null()]));
type UsageLine = Static<typeof Line>;
const usageAnswer = answerShape(Type.Array(Line));

/** Returns the cost of a line. Calls of llms without a price are named: they did not cost nothing. */
function costOf({ cost, unpriced }: Record<string, string | number | null>): string {
  const dollars = typeof cost === "number" ? costText(cost) : "";
  if (typeof unpriced !== "number" || unpriced === 0) return dollars || costText(0);
  return dollars === "" ? "unpriced" : `${dollars} (${unpriced} unpriced)`;
}

async function printUsage(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  if (format.as === "name")
    throw new AppError("usage", "-o name is not possible for usage, which has no names; use -o json or yaml");
  const isMine = args["mine"] === true;
  const lines = args["limits"] ? undefined : await usageLines(args, context);
  const limits = args["limits"] || isMine ? await limitLines(isMine, context) : undefined;
  const options = tableOptions(args, context);
  const { terminal } = context;
  const data = lines && limits ? { usage: lines, limits } : (lines ?? limits);
  if (await printedAsData(terminal, format, data, lines ?? limits ?? [], options.headers)) return;
  if (lines) {
    if (lines.length === 0) {
      terminal.err("No calls in this period.\n");
      await warnOfUnknownNames({ user: userIn(args) ?? text(args["user"]), llm: text(args["llm"]) }, context);
    } else terminal.out(usageTable(lines, options));
  }
  if (!limits) return;
  if (limits.length === 0) return terminal.err(isMine ? "No limits apply to you.\n" : "No limits found.\n");
  const rows = limits.map((use) => limitRow(use, context.now()));
  terminal.out(`${lines && lines.length > 0 ? "\n" : ""}${table(limitHeaders, rows, options)}`);
}

const text = (value: Value) => (typeof value === "string" ? value : undefined);

function tableOptions(args: Readonly<Record<string, Value>>, { terminal }: Context): TableOptions {
  const { columns, color } = terminal;
  return { columns, color, headers: args["no-headers"] !== true };
}

async function usageLines(args: Readonly<Record<string, Value>>, context: Context): Promise<UsageLine[]> {
  const client = await context.client();
  const given = Object.fromEntries(
    filters.map((name) => [name, args[name] === undefined ? undefined : String(args[name])]),
  );
  const user = userIn(args) ?? (args["mine"] ? await ownName(client) : undefined);
  for (const word of given["by"]?.split(",") ?? [])
    if (!(groupings as readonly string[]).includes(word))
      throw new AppError("usage", `--by: "${word}" is not one of ${groupings.join(", ")}`, {
        hint: didYouMean(word, groupings) ?? "several go with commas: --by user,llm",
      });
  const since = dayOf("--since", given["since"], context);
  const until = dayOf("--until", given["until"], context);
  if (since !== undefined && until !== undefined && since > until)
    throw new AppError("usage", `--since (${since}) is after --until (${until})`);
  const query = {
    ...given,
    since,
    until,
    ...(user !== undefined && { user }),
  };
  return client.call("GET", "/api/v1/usage", { query, answer: usageAnswer });
}

/** The user that a word after `usage` names. Throws AppError `usage` if it does not fit the flags. */
function userIn(args: Readonly<Record<string, Value>>): string | undefined {
  const names = Array.isArray(args["names"]) ? args["names"] : [];
  const [name] = names;
  if (name === undefined) return undefined;
  if (names.length > 1) throw new AppError("usage", "get usage takes one user at a time");
  if (args["user"] !== undefined || args["mine"] || args["limits"])
    throw new AppError("usage", `get usage ${name} does not go with --user, --mine or --limits`);
  return name;
}

async function ownName(client: ApiClient): Promise<string> {
  return (await client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer })).user;
}

async function limitLines(isMine: boolean, context: Context): Promise<LimitUse[]> {
  const client = await context.client();
  return client.call("GET", "/api/v1/limits", { query: isMine ? { mine: "1" } : {}, answer: limitsAnswer });
}

/** A day: the given one, or that of a time such as `7d` ago, in UTC. */
function dayOf(flag: string, text: string | undefined, context: Context): string | undefined {
  return timeOf(flag, text, context.now())?.slice(0, 10);
}

const sumNames = ["requests", "errors", "promptTokens", "completionTokens", "cachedTokens"] as const;

/** The lines as a table, with their total if they are several. */
function usageTable(lines: readonly UsageLine[], options: TableOptions): string {
  const by = groupings.filter((grouping) => grouping in lines[0]!);
  const units = billedUnits.filter((unit) => lines.some((line) => Number(line[unit] ?? 0) > 0));
  const headers = [
    ...by.map((word) => word.toUpperCase()),
    "REQUESTS",
    { header: "ERRORS", rank: 30 },
    { header: "PROMPT", rank: 20 },
    { header: "COMPLETION", rank: 10 },
    { header: "CACHED", rank: 40 },
    ...units.map((unit) => unit.toUpperCase()),
    "COST",
  ];
  const sums = (line: UsageLine) => [
    ...[...sumNames, ...units].map((sum) => numberText(Number(line[sum] ?? 0))),
    costOf(line),
  ];
  const rows = lines.map((line) => [...by.map((word) => groupText(lines, line, word)), ...sums(line)]);
  const total =
    lines.length > 1 && options.headers ? [[...totalCells(by.length), ...sums(totalOf(lines))]] : [];
  return table(headers, [...rows, ...total], options);
}

/** The name of a group: `alice (deleted)`; with its id where two of the lines would read the same. */
function groupText(lines: readonly UsageLine[], line: UsageLine, word: (typeof groupings)[number]): string {
  const name = String(line[word] ?? "-");
  const id = line[`${word}Id`];
  const isDeleted = typeof line[`${word}DeletedAt`] === "string";
  const isUnclear = lines.some((other) => other[word] === line[word] && other[`${word}Id`] !== id);
  const more = [...(isDeleted ? ["deleted"] : []), ...(isUnclear && typeof id === "string" ? [id] : [])];
  return more.length === 0 ? name : `${name} (${more.join(", ")})`;
}

function totalCells(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? "TOTAL" : ""));
}

function totalOf(lines: readonly UsageLine[]): UsageLine {
  const total: Record<string, number | null> = {};
  for (const name of [...sumNames, ...billedUnits, "unpriced"])
    total[name] = lines.reduce((sum, line) => sum + Number(line[name] ?? 0), 0);
  const costs = lines.map(({ cost }) => cost).filter((cost) => typeof cost === "number");
  // In whole millionths, as the server adds up.
  const micros = costs.reduce((sum, cost) => sum + Math.round(cost * 1e6), 0);
  return { ...total, cost: costs.length > 0 ? micros / 1e6 : null };
}
