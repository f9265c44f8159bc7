import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { Id, Time, Words } from "../client/answers.ts";
import { answerShape } from "../client/shape.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { age, plain } from "../output/cells.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

/** `mcpctl get tasks`: calls that wait for their llm or have ended, each by itself or as a batch. */
export const tasks: Report = { args: {}, print: printTasks };

const tasksAnswer = answerShape(
  Type.Array(
    Type.Object({
      id: Id,
      type: Words,
      llm: Words,
      status: Words,
      user: Type.Union([Words, Type.Null()]),
      total: Type.Integer(),
      completed: Type.Integer(),
      failed: Type.Integer(),
      createdAt: Time,
      endedAt: Type.Union([Time, Type.Null()]),
      deadline: Time,
    }),
  ),
);

async function printTasks(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const client = await context.client();
  const query = { limit: "1000" };
  const all = await client.call("GET", "/api/v1/inference-tasks", { query, answer: tasksAnswer });
  const names = (args["names"] ?? []) as readonly string[];
  const missing = names.find((name) => !all.some(({ id }) => id === name));
  if (missing !== undefined)
    throw new AppError("not_found", `task "${missing}" not found`, { hint: "to see all: mcpctl get tasks" });
  const found = names.length === 0 ? all : all.filter(({ id }) => names.includes(id));
  if (format.as === "name") return terminal.out(found.map(({ id }) => `${id}\n`).join(""));
  const withHeaders = args["no-headers"] !== true;
  if (await printedAsData(terminal, format, found, found, withHeaders)) return;
  if (found.length === 0) return terminal.err("No tasks found.\n");
  const isWide = format.as === "wide";
  const headers = [
    { header: "ID", whole: true as const },
    "TYPE",
    "LLM",
    "STATUS",
    "DONE",
    { header: "FAILED", rank: 30 },
    { header: "USER", rank: 20 },
    "AGE",
    ...(isWide ? ["DEADLINE"] : []),
  ];
  const rows = found.map((one) => [
    one.id,
    one.type,
    one.llm || "-",
    one.status,
    `${one.completed + one.failed}/${one.total}`,
    String(one.failed),
    plain(one.user),
    age(one.createdAt, context.now()),
    ...(isWide ? [one.deadline] : []),
  ]);
  const { columns, color } = terminal;
  terminal.out(table(headers, rows, { columns, color, headers: withHeaders }));
}
