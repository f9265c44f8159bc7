import type { KindInfo, Resource } from "../../../kinds/define.ts";
import { escapeLine, jsonText } from "../../../wire/text.ts";
import { isInScope } from "../../client/objects.ts";
import { backoffPause } from "../../client/reconnect.ts";
import { changesOf, type ObjectChange } from "../../client/watch.ts";
import type { Context } from "../../core/context.ts";
import { withTimeout } from "../../core/deadline.ts";
import type { Target } from "../../kinds/resolve-kind.ts";
import type { Format } from "../../output/format.ts";
import { print, rowOf } from "../../output/print.ts";
import { tableLine, widthsOf } from "../../output/table.ts";

/** `get -w`: prints the objects there are, then every change, until Ctrl-C or the end of `--timeout`. */
export async function watch(
  target: Target,
  format: Format,
  headers: boolean,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const { kind, names } = target;
  const isWanted = (object: Resource) =>
    (names.length === 0 || names.includes(object.name) || names.includes(object.id)) &&
    isInScope(kind, object, context);
  const printChange = await changePrinter(kind, format, headers, context);
  const signal = withTimeout(context);
  const client = await context.client();
  for await (const changes of changesOf(client, kind, signal, backoffPause)) {
    await printChange(changes.filter(({ object }) => isWanted(object)));
    await terminal.drain();
  }
}

/** Tables keep the widths of the first batch; JSON is one change on each line; other formats print each object. */
async function changePrinter(kind: KindInfo, format: Format, headers: boolean, context: Context) {
  const { terminal } = context;
  if (format.as === "json")
    return async (changes: ObjectChange[]) =>
      terminal.out(changes.map((change) => jsonText(change, 0)).join(""));
  if (format.as !== "table" && format.as !== "wide") return objectPrinter(kind, format, context);
  const wide = format.as === "wide";
  const header = kind.columns
    .filter((column) => wide || !column.wide)
    .map((column) => escapeLine(column.header));
  let widths: number[] | undefined;
  return async (changes: ObjectChange[]) => {
    const rows = changes.map(({ type, object }) => {
      const [name, ...rest] = rowOf(kind, object, wide, context.now()).map(escapeLine);
      return [type === "deleted" ? `${name} (deleted)` : name!, ...rest];
    });
    const lines = widths || !headers ? rows : [header, ...rows];
    widths ??= widthsOf([header, ...rows]);
    for (const line of lines) terminal.out(`${tableLine(line, widths)}\n`);
  };
}

function objectPrinter(kind: KindInfo, format: Format, context: Context) {
  let first = true;
  return async (changes: ObjectChange[]) => {
    for (const { object } of changes.filter(({ type }) => type !== "deleted")) {
      if (format.as === "yaml" && !first) context.terminal.out("---\n");
      first = false;
      await print(context, kind, [object], format, { single: true });
      if (format.as === "jsonpath" && !context.terminal.outIsTerminal) context.terminal.out("\n");
    }
  };
}
