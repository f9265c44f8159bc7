import type { Kind, KindInfo, Resource } from "../../kinds/define.ts";
import { jsonText } from "../../wire/text.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { cell } from "./cells.ts";
import type { Format } from "./format.ts";
import { table } from "./table.ts";

/** The terminal to print on, and the clock. */
interface Printing {
  terminal: Terminal;
  /** Milliseconds since 1970, for ages. */
  now(): number;
}

/** Objects of one kind, as the server has sent them. */
export interface Listing {
  kind: KindInfo;
  objects: readonly Resource[];
}

export interface PrintOptions {
  headers?: boolean;
  /** JSON is the object itself instead of an array. */
  single?: boolean;
  /** Several kinds are printed, so that each object names its kind. */
  mixed?: boolean;
}

/** Prints objects of one kind on stdout. */
export function print(
  context: Printing,
  kind: KindInfo,
  objects: readonly Resource[],
  format: Format,
  options: PrintOptions = {},
): Promise<void> {
  return printAll(context, [{ kind, objects }], format, options);
}

/** Prints objects of several kinds on stdout: data as one document, tables one below the other. */
export async function printAll(
  context: Printing,
  listings: readonly Listing[],
  format: Format,
  options: PrintOptions = {},
): Promise<void> {
  const { terminal } = context;
  if (format.as === "table" || format.as === "wide") {
    const tables = listings.map((listing) => tableOf(context, listing, format.as === "wide", options));
    terminal.out(tables.filter((text) => text !== "").join("\n"));
  } else if (format.as === "json") terminal.out(jsonText(dataOf(listings, options)));
  else if (format.as === "name")
    for (const { kind, objects } of listings)
      terminal.out(objects.map(({ name }) => `${kind.kind}/${name}\n`).join(""));
  else if (format.as === "yaml") {
    const { toYaml } = await import("./yaml.ts");
    const documents = listings.filter(({ objects }) => objects.length > 0);
    terminal.out(documents.map(({ kind, objects }) => toYaml(kind as Kind, objects)).join("---\n"));
  } else {
    const text = format.textOf(dataOf(listings, options));
    terminal.data(terminal.outIsTerminal ? `${text.trimEnd()}\n` : text);
  }
}

function dataOf(listings: readonly Listing[], { single, mixed }: PrintOptions): unknown {
  const objects = listings.flatMap(({ kind, objects }) =>
    mixed ? objects.map((object) => ({ kind: kind.kind, ...object })) : objects,
  );
  return single ? objects[0] : objects;
}

function tableOf(context: Printing, listing: Listing, wide: boolean, options: PrintOptions): string {
  const { kind, objects } = listing;
  if (objects.length === 0) return "";
  const { columns, color } = context.terminal;
  const shown = kind.columns.filter((column) => wide || !column.wide);
  return table(
    shown.map((column) => column.header),
    objects.map((object) => rowOf(kind, object, wide, context.now(), options.mixed)),
    { columns, color, headers: options.headers ?? true },
  );
}

/** The cells of one object. In a mixed listing its name is written KIND/NAME. */
export function rowOf(kind: KindInfo, object: Resource, wide: boolean, now: number, mixed = false): string[] {
  return kind.columns
    .filter((column) => wide || !column.wide)
    .map((column) => {
      const text = cell(column, object, now);
      return mixed && column.path === "name" ? `${kind.kind}/${text}` : text;
    });
}
