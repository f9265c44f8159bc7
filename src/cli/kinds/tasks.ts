import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import { jsonText } from "../../wire/text.ts";
import { isTransient, stopped } from "../client/reconnect.ts";
import { listTasks, readTask, type TaskRow } from "../client/task-answers.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { withTimeout } from "../core/deadline.ts";
import { age, plain } from "../output/cells.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { type Layout, layoutLine, layoutOf, table, titlesOf } from "../output/table.ts";
import type { Report } from "./extension.ts";

/** `mcpctl get tasks`: calls that wait for their llm or have ended, each by itself or as a batch. */
export const tasks: Report = { args: {}, print: printTasks, watch: watchTasks };

type Args = Readonly<Record<string, Value>>;

/** Milliseconds between two looks of `-w`. */
const lookInterval = 1000;

async function found(args: Args, context: Context): Promise<TaskRow[]> {
  const names = (args["names"] ?? []) as readonly string[];
  const client = await context.client();
  return names.length === 0 ? listTasks(client) : Promise.all(names.map((name) => readTask(client, name)));
}

async function printTasks(args: Args, format: Format, context: Context): Promise<void> {
  const { terminal } = context;
  const all = await found(args, context);
  const withHeaders = args["no-headers"] !== true;
  if (format.as === "name") return terminal.out(all.map(({ id }) => `${id}\n`).join(""));
  const data = (args["names"] as readonly string[] | undefined)?.length === 1 ? all[0] : all;
  if (await printedAsData(terminal, format, data, all, withHeaders)) return;
  if (all.length === 0) return terminal.err("No tasks found.\n");
  const rows = all.map((one) => rowOf(one, format, context.now()));
  const { columns, color } = terminal;
  terminal.out(table(headersOf(format), rows, { columns, color, headers: withHeaders }));
}

/** Prints the tasks there are, then each that has changed, until Ctrl-C or the end of `--timeout`. */
async function watchTasks(args: Args, format: Format, context: Context): Promise<void> {
  const { terminal } = context;
  const signal = withTimeout(context);
  const known = new Map<string, string>();
  let layout: Layout | undefined;
  for (let isFirst = true; ; isFirst = false) {
    const all = await found(args, context).catch((error: unknown) => {
      if (isFirst || signal.aborted || !(error instanceof AppError) || !isTransient(error)) throw error;
      return [];
    });
    const changed = all.filter((one) => {
      const state = JSON.stringify(one);
      const isNew = known.get(one.id) !== state;
      known.set(one.id, state);
      return isNew;
    });
    if (format.as === "json") terminal.out(changed.map((one) => jsonText(one, 0)).join(""));
    else if (format.as === "name") terminal.out(changed.map(({ id }) => `${id}\n`).join(""));
    else {
      const headers = headersOf(format);
      const rows = changed.map((one) => rowOf(one, format, context.now()));
      const lines = layout || args["no-headers"] === true ? rows : [titlesOf(headers), ...rows];
      layout ??= layoutOf(headers, rows, terminal.columns);
      for (const line of lines) terminal.out(`${layoutLine(line, layout)}\n`);
    }
    await terminal.drain();
    await delay(lookInterval, undefined, { signal }).catch(() => {
      throw stopped(signal);
    });
  }
}

function headersOf({ as }: Format) {
  return [
    { header: "ID", whole: true as const },
    "TYPE",
    "LLM",
    { header: "STATUS", whole: true as const },
    { header: "DONE", whole: true as const },
    { header: "FAILED", rank: 30 },
    { header: "USER", rank: 20 },
    "AGE",
    ...(as === "wide" ? ["DEADLINE"] : []),
  ];
}

function rowOf(one: TaskRow, { as }: Format, now: number): string[] {
  return [
    one.id,
    one.type,
    one.llm || "-",
    one.status,
    `${one.completed + one.failed}/${one.total}`,
    String(one.failed),
    plain(one.user),
    age(one.createdAt, now),
    ...(as === "wide" ? [one.deadline] : []),
  ];
}
