import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { escapeLine } from "../../wire/text.ts";
import { fieldsOf, Name, Words } from "../client/answers.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

const pricesArgs: Args = {
  llm: {
    type: "string",
    complete: { kind: "llm" },
    valueHint: "LLM",
    description: "Show what calls of this llm cost, and why",
  },
};

/** `mcpctl get prices`: the built-in price lists, and the price of each llm. */
export const prices: Report = { args: pricesArgs, print: printPrices };

const Rates = Type.Record(Type.String(), Type.Unknown());
const pricesAnswer = fieldsOf({
  asOf: Words,
  llms: Type.Array(
    Type.Object({
      llm: Name,
      model: Words,
      rates: Type.Union([Rates, Type.Null()]),
      source: Words,
      reason: Words,
    }),
  ),
  models: Type.Array(Type.Object({ provider: Words, model: Words, price: Rates, source: Words })),
});

const rateColumns = [
  ["INPUT", "input"],
  ["OUTPUT", "output"],
  ["CACHED", "cachedInput"],
  ["WRITE", "cacheWrite"],
] as const;
const wideColumns = [
  ["WRITE-1H", "cacheWrite1h"],
  ["AUDIO-IN", "audioInput"],
  ["AUDIO-OUT", "audioOutput"],
  ["IMAGE-IN", "imageInput"],
  ["IMAGE-OUT", "imageOutput"],
] as const;

async function printPrices(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  if (format.as === "name")
    throw new AppError("usage", "-o name is not possible for prices; use -o json or yaml");
  const names = (args["names"] ?? []) as readonly string[];
  const query = {
    llm: args["llm"] === undefined ? undefined : String(args["llm"]),
    model: names.length > 0 ? names.join(",") : undefined,
  };
  const client = await context.client();
  const answer = await client.call("GET", "/api/v1/prices", { query, answer: pricesAnswer });
  const withHeaders = args["no-headers"] !== true;
  if (await printedAsData(terminal, format, answer, [...answer.llms, ...answer.models], withHeaders)) return;
  const { llms, models, asOf } = answer;
  if (llms.length + models.length === 0)
    return terminal.err("No such model has a price; set the price of its llm.\n");
  const columns = format.as === "wide" ? [...rateColumns, ...wideColumns] : rateColumns;
  const cells = (rates: Record<string, unknown> | null) =>
    columns.map(([, name]) => (typeof rates?.[name] === "number" ? `$${rates[name]}` : "-"));
  const rows = [
    ...llms.map((one) => [
      `llm/${one.llm}`,
      one.model || "-",
      ...cells(one.rates),
      one.source,
      dateOf(one.source, asOf),
    ]),
    ...models.map((one) => ["-", one.model, ...cells(one.price), one.provider, asOf]),
  ];
  const headers = [
    "LLM",
    { header: "MODEL", whole: true as const },
    ...columns.map(([header]) => header),
    "SOURCE",
    { header: "AS-OF", rank: 10 },
  ];
  const { columns: width, color } = terminal;
  terminal.out(table(headers, rows, { columns: width, color, headers: withHeaders }));
  if (query.llm !== undefined)
    for (const { llm, reason } of llms) terminal.err(`llm '${escapeLine(llm)}': ${escapeLine(reason)}\n`);
}

function dateOf(source: string, asOf: string): string {
  return source === "list" ? asOf : "-";
}
