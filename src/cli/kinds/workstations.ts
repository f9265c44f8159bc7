import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { escapeLine } from "../../wire/text.ts";
import { type ListedWorkstation, workstationsAnswer } from "../client/workstation-answers.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { age, plain } from "../output/cells.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

/** `mcpctl get workstations`: the machines whose agents publish something, as far as the caller may know of them. */
export const workstations: Report = { args: {}, print: printWorkstations };

async function printWorkstations(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const client = await context.client();
  const all = await client.call("GET", "/api/v1/workstations", { answer: workstationsAnswer });
  const found = named((args["names"] ?? []) as readonly string[], all);
  if (format.as === "name")
    return terminal.out(found.map(({ name }) => `${escapeLine(name ?? "-")}\n`).join(""));
  const withHeaders = args["no-headers"] !== true;
  if (await printedAsData(terminal, format, found, found, withHeaders)) return;
  if (found.length === 0)
    return terminal.err("No workstations found. To publish models of one, run there: mcpctl agent\n");
  const isWide = format.as === "wide";
  const headers = [
    { header: "NAME", whole: true as const },
    "USER",
    "STATE",
    "SINCE",
    { header: "VERSION", rank: 20 },
    "PUBLISHES",
    ...(isWide ? ["LAST-SEEN"] : []),
  ];
  const rows = found.map((one) => [...row(one, context), ...(isWide ? [plain(one.lastSeenAt)] : [])]);
  const { columns, color } = terminal;
  terminal.out(table(headers, rows, { columns, color, headers: withHeaders }));
}

/** Returns the cells of a workstation. */
function row(one: ListedWorkstation, context: Context): string[] {
  const { name, user, state, version, publishes } = one;
  // A workstation that is connected to another server on the same database has no start there.
  const since = state === "connected" ? one.connectedSince : one.lastSeenAt;
  const things = publishes.map(({ kind, name }) => (kind === "llm" ? name : `${kind}/${name}`));
  return [
    plain(name),
    plain(user),
    state,
    since === null ? "-" : age(since, context.now()),
    plain(version),
    things.join(", ") || "-",
  ];
}

/** Returns the workstations of some names; all of them for none. Throws AppError `not_found`. */
function named(names: readonly string[], all: readonly ListedWorkstation[]): readonly ListedWorkstation[] {
  const missing = names.find((name) => !all.some((one) => one.name === name));
  if (missing === undefined)
    return names.length === 0 ? all : all.filter((one) => one.name !== null && names.includes(one.name));
  const known = all.flatMap(({ name }) => name ?? []);
  throw new AppError("not_found", `workstation "${missing}" not found`, {
    hint: `${didYouMean(missing, known) ?? ""} To see all: mcpctl get workstations`.trim(),
  });
}
