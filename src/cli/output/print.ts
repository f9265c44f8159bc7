import type { Column, Kind, KindInfo, Resource } from "../../kinds/define.ts";
import { jsonText } from "../../wire/text.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { cell, plain } from "./cells.ts";
import type { CustomColumn, Format } from "./format.ts";
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
  } else if (format.as === "columns") {
    const objects = listings.flatMap((listing) => listing.objects);
    printColumns(terminal, format.columns, objects, options.headers ?? true);
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

/**
 * Prints figures that are no objects in a format for programs.
 *
 * @param data what JSON and YAML are
 * @param rows what custom columns are made of
 * @returns false for a table, which the caller prints
 */
export async function printedAsData(
  terminal: Terminal,
  format: Format,
  data: unknown,
  rows: readonly unknown[],
  headers = true,
): Promise<boolean> {
  if (format.as === "json") terminal.out(jsonText(data));
  else if (format.as === "yaml") terminal.out((await import("./yaml.ts")).yamlText(data));
  else if (format.as === "jsonpath") {
    const text = format.textOf(data);
    terminal.data(terminal.outIsTerminal ? `${text.trimEnd()}\n` : text);
  } else if (format.as === "columns") printColumns(terminal, format.columns, rows, headers);
  else return false;
  return true;
}

function printColumns(
  terminal: Terminal,
  chosen: readonly CustomColumn[],
  objects: readonly unknown[],
  headers: boolean,
): void {
  const cellOf = (object: unknown, { valuesOf }: CustomColumn) => valuesOf(object).map(plain).join(",");
  const rows = objects.map((object) => chosen.map((column) => cellOf(object, column) || plain(undefined)));
  const { columns, color } = terminal;
  terminal.out(table(chosen, rows, { columns, color, headers }));
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
  const shown = columnsOf(kind, wide, columns !== undefined);
  const rows = objects.map((object) => rowOf(kind, shown, object, context.now(), options.mixed));
  return table(shown, rows, { columns, color, headers: options.headers ?? true });
}

/** The time since an object was made, for kinds without a column of it. */
const ageColumn: Column = {
  header: "AGE",
  path: "createdAt",
  format: "age",
  wide: true,
  terminal: true,
  rank: 1,
};
/** An id is the first that is left out: it is for programs. */
const idRank = 100;

/** The columns of a kind for a table, the wide ones where they are asked for. */
export function columnsOf(kind: KindInfo, wide: boolean, onTerminal: boolean): Column[] {
  const all = kind.columns.some(({ path }) => path === "createdAt")
    ? kind.columns
    : [...kind.columns, ageColumn];
  const shown = all.filter((column) => wide || !column.wide || (onTerminal && column.terminal));
  // All columns were asked for.
  if (wide) return shown.map(({ rank: _, ...column }) => column);
  return shown.map((column) => (column.path === "id" ? { ...column, rank: idRank } : column));
}

/** The cells of one object. In a mixed listing its name is written KIND/NAME. */
export function rowOf(
  { kind }: KindInfo,
  columns: readonly Column[],
  object: Resource,
  now: number,
  mixed = false,
): string[] {
  return columns.map((column) => {
    const text = cell(column, object, now);
    return mixed && column.path === "name" ? `${kind}/${text}` : text;
  });
}
