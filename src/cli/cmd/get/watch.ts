import type { KindInfo, Resource } from "../../../kinds/define.ts";
import { jsonText } from "../../../wire/text.ts";
import { isInScope } from "../../client/objects.ts";
import { backoffPause } from "../../client/reconnect.ts";
import { changesOf, type ObjectChange } from "../../client/watch.ts";
import type { Context } from "../../core/context.ts";
import { withTimeout } from "../../core/deadline.ts";
import type { Target } from "../../kinds/resolve-kind.ts";
import type { Format } from "../../output/format.ts";
import { columnsOf, print, rowOf } from "../../output/print.ts";
import { type Layout, layoutLine, layoutOf, titlesOf } from "../../output/table.ts";

/** `get -w`: prints the objects there are, then every change, until Ctrl-C or the end of `--timeout`. */
export async function watch(
  target: Target,
  meets: (object: Resource) => boolean,
  format: Format,
  headers: boolean,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const { kind, names } = target;
  const isWanted = (object: Resource) =>
    (names.length === 0 || names.includes(object.name) || names.includes(object.id)) &&
    isInScope(kind, object, context);
  // A deleted object has no fields that could be looked at.
  const isShown = ({ type, object }: ObjectChange) =>
    isWanted(object) && (type === "deleted" || meets(object));
  const printChange = await changePrinter(kind, format, headers, context);
  const signal = withTimeout(context);
  const client = await context.client();
  for await (const changes of changesOf(client, kind, signal, backoffPause)) {
    await printChange(changes.filter(isShown));
    await terminal.drain();
  }
}

/** Tables keep the columns and widths of the first batch; JSON is one change on each line; other formats print each object. */
async function changePrinter(kind: KindInfo, format: Format, headers: boolean, context: Context) {
  const { terminal } = context;
  if (format.as === "json")
    return async (changes: ObjectChange[]) =>
      terminal.out(changes.map((change) => jsonText(change, 0)).join(""));
  if (format.as !== "table" && format.as !== "wide") return objectPrinter(kind, format, headers, context);
  const columns = columnsOf(kind, format.as === "wide", terminal.columns !== undefined);
  const titles = titlesOf(columns);
  let layout: Layout | undefined;
  return async (changes: ObjectChange[]) => {
    const rows = changes.map(({ type, object }) => {
      const [name, ...rest] = rowOf(kind, columns, object, context.now());
      return [type === "deleted" ? `${name} (deleted)` : name!, ...rest];
    });
    const lines = layout || !headers ? rows : [titles, ...rows];
    layout ??= layoutOf(columns, rows, terminal.columns);
    for (const line of lines) terminal.out(`${layoutLine(line, layout)}\n`);
  };
}

function objectPrinter(kind: KindInfo, format: Format, headers: boolean, context: Context) {
  let first = true;
  return async (changes: ObjectChange[]) => {
    for (const { object } of changes.filter(({ type }) => type !== "deleted")) {
      if (format.as === "yaml" && !first) context.terminal.out("---\n");
      await print(context, kind, [object], format, { single: true, headers: headers && first });
      first = false;
      if (format.as === "jsonpath" && !context.terminal.outIsTerminal) context.terminal.out("\n");
    }
  };
}
