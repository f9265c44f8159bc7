import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { allowsWrite } from "../../kinds/writes.ts";
import { getObject, listObjects } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { assertField, assertValue } from "../kinds/field-name.ts";
import { reportOf } from "../kinds/index.ts";
import { splitKindName } from "../kinds/kind-name.ts";
import { resolveTargets, type Target } from "../kinds/resolve-kind.ts";
import { plain } from "../output/cells.ts";
import { dataFormats, type Format, parseFormat } from "../output/format.ts";
import { valuesAt } from "../output/jsonpath.ts";
import { type Listing, printAll } from "../output/print.ts";
import { conditionFrom } from "../output/where.ts";

export const get = defineVerb({
  meta: {
    name: "get",
    description: "List the objects of a kind, or show single ones",
    about: `The table shows the columns that fit the terminal; -o wide shows all columns, and -o json or yaml all
      fields. None of them contains secret values or passwords. KIND is a plural, singular or short name
      ("mcpctl explain" lists the kinds), several with commas, or "all".

      With -w the command first prints the objects there are and then every change, until Ctrl-C.
      "mcpctl get usage" is a report of calls, tokens and cost, "mcpctl get prices" of prices, "mcpctl get workstations"
      of the machines whose agents publish something, "mcpctl get tasks" of batches and other calls that wait for their llm,
      and "mcpctl get tools -p PROJECT" of the tools of a project's MCP servers.`,
    usage: "KIND [NAME...] [flags]",
    examples: [
      ["mcpctl get llms", "List all llms"],
      ["mcpctl get llm/claude -o yaml", "Show one object in the form that apply accepts"],
      ["mcpctl get llms,secrets", "List several kinds"],
      ["mcpctl get llms -w", "Follow changes"],
      ["mcpctl get llms -o jsonpath='{[*].name}'", "Print only the names"],
      ["mcpctl get llms --where status=active --where type!=ollama", "List those with some values"],
      ["mcpctl get llms -o custom-columns=NAME:.name,KEY:.apiKeyRef.name", "Choose the columns"],
      ["mcpctl get usage --by user,llm", "Sum up calls, tokens and cost of this month"],
      ["mcpctl get threads", "List your conversations with personas"],
      ["mcpctl get prices --llm claude", "Show what calls of an llm cost, and why"],
      ["mcpctl get workstations", "List the machines whose agents publish models, and what they publish"],
      ["mcpctl get tasks -w", "Follow batches and single tasks, and how much of them is done"],
      [
        "mcpctl get tools -p website",
        "List the tools of a project, and the reasons why some are not offered",
      ],
    ],
  },
  output: dataFormats,
  args: {
    kind: { type: "positional" },
    names: { type: "positional", required: false, multiple: true },
    watch: { type: "boolean", alias: "w", description: "Follow changes until Ctrl-C" },
    "no-headers": { type: "boolean", description: "Print no header line" },
    "sort-by": {
      type: "string",
      valueHint: "PATH",
      complete: "fields",
      description: "Sort by a field, for example .model",
    },
    where: {
      type: "string",
      multiple: true,
      valueHint: "FIELD=VALUE",
      complete: "conditions",
      description: "Only objects with this value in a field; FIELD!=VALUE for those without it",
    },
  },
  moreArgs: async ([first = ""]) => (await reportOf(splitKindName(first).kind))?.args ?? {},
  async run(args, context) {
    const format = parseFormat(context.flags.output);
    const { kind: word, name } = splitKindName(args.kind);
    const report = await reportOf(word);
    if (report) {
      refuseForReport(word, { ...args, watch: args.watch && !report.watch });
      const print = (args.watch && report.watch) || report.print;
      return print({ ...args, names: name ? [name, ...args.names] : args.names }, format, context);
    }
    const sort = args["sort-by"] === undefined ? undefined : sorter(args["sort-by"]);
    const conditions = args.where.map(conditionFrom);
    const meets = (object: Resource) => conditions.every(({ isMet }) => isMet(object));
    const found = await resolveTargets([args.kind, ...args.names], context);
    // An export has what apply can create.
    const targets =
      args.kind === "all" && ["json", "yaml"].includes(format.as)
        ? found.filter(({ kind }) => allowsWrite(kind, "create"))
        : found;
    const kindsOf = targets.map(({ kind }) => kind);
    if (args["sort-by"] !== undefined) await assertField(args["sort-by"], kindsOf, "--sort-by", context);
    for (const condition of conditions) {
      await assertField(condition.path, kindsOf, "--where", context);
      await assertValue(condition, kindsOf, "--where", context);
    }
    if (format.as === "columns")
      for (const { path } of format.columns) await assertField(path, kindsOf, "-o custom-columns", context);
    if (args.watch) {
      const { watch } = await import("./get/watch.ts");
      if (targets.length > 1) throw new AppError("usage", "-w follows one kind at a time");
      await watch(targets[0]!, meets, format, !args["no-headers"], context);
      return;
    }
    const all = args.kind === "all";
    const results = await Promise.all(targets.map((target) => fetchTarget(target, all, context)));
    const listings = results.map(({ kind, objects }) => {
      const wanted = objects.filter(meets);
      return { kind, objects: sort ? sort(wanted) : wanted };
    });
    const named = targets.some((target) => target.names.length > 0);
    const single = targets.length === 1 && targets[0]!.names.length === 1;
    await show(listings, named, format, context, {
      headers: !args["no-headers"],
      single,
      mixed: targets.length > 1,
    });
    const missing = results.flatMap((result) => result.missing);
    if (missing.length > 0) throw combined(missing);
  },
});

/** Throws AppError `usage` for flags that would make no difference to a report. */
function refuseForReport(
  word: string,
  given: { watch: boolean; where: readonly string[]; "sort-by": string | undefined },
): void {
  const flags = [
    ...(given.watch ? ["-w"] : []),
    ...(given.where.length > 0 ? ["--where"] : []),
    ...(given["sort-by"] === undefined ? [] : ["--sort-by"]),
  ];
  if (flags.length > 0) throw new AppError("usage", `get ${word} does not take ${flags.join(" and ")}`);
}

type Result = Listing & { missing: AppError[] };

/** The objects, and an error for each name that was not found. With `all`, a kind that is forbidden is skipped. */
async function fetchTarget({ kind, names }: Target, all: boolean, context: Context): Promise<Result> {
  if (names.length === 0) {
    try {
      const objects = await listObjects(kind, context);
      // Objects that come with the server are no part of a catalogue.
      return { kind, objects: all ? objects.filter((one) => one["builtIn"] !== true) : objects, missing: [] };
    } catch (error) {
      if (!all || !(error instanceof AppError) || error.code !== "forbidden") throw error;
      warn(context.terminal, `${kind.plural}: ${error.message}`);
      return { kind, objects: [], missing: [] };
    }
  }
  const settled = await Promise.allSettled(names.map((name) => getObject(kind, name, context)));
  const missing = settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  const other = missing.find((error) => !(error instanceof AppError) || error.code !== "not_found");
  if (other) throw other;
  return { kind, objects: settled.flatMap((r) => (r.status === "fulfilled" ? [r.value] : [])), missing };
}

/** Prints the objects. An empty list is reported on stderr; names that were not found are reported elsewhere. */
async function show(
  listings: readonly Listing[],
  named: boolean,
  format: Format,
  context: Context,
  options: { headers: boolean; single: boolean; mixed: boolean },
): Promise<void> {
  if (listings.some(({ objects }) => objects.length > 0)) return printAll(context, listings, format, options);
  if (options.single) return;
  if (format.as !== "table" && format.as !== "wide") await printAll(context, listings, format, options);
  else if (!named)
    context.terminal.err(`No ${options.mixed ? "resources" : listings[0]!.kind.plural} found.\n`);
}

/** Sorts by the value at a path: numbers by size, other values as text, missing values last. */
function sorter(path: string): (objects: readonly Resource[]) => Resource[] {
  const read = valuesAt(path);
  return (objects) =>
    objects
      .map((object) => ({ object, key: read(object)[0] ?? undefined }))
      .sort((a, b) => compare(a.key, b.key))
      .map(({ object }) => object);
}

function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [plain(a), plain(b)];
  return left < right ? -1 : Number(left > right);
}

function combined(missing: readonly AppError[]): AppError {
  const [first, ...more] = missing;
  if (more.length === 0) return first!;
  return new AppError("not_found", `${missing.length} not found`, {
    details: missing.map(({ message, hint = "" }) => {
      const near = /did you mean "[^"]*"\?/.exec(hint)?.[0];
      return { path: "", message: near ? `${message}; ${near}` : message };
    }),
  });
}
