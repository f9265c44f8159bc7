import type { TSchema } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { withArticle } from "../../kinds/article.ts";
import type { Kind } from "../../kinds/define.ts";
import { kinds } from "../../kinds/index.ts";
import { unknownField } from "../../kinds/validate.ts";
import { defineVerb } from "../core/command.ts";
import { isRequired, present, shapeOf, wordsOf } from "../flags/schema.ts";
import { kindNamed } from "../kinds/resolve-kind.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { yamlText } from "../output/yaml.ts";

/** `mcpctl explain KIND[.FIELD…]` */
export const explain = defineVerb({
  meta: {
    name: "explain",
    description: "Describe the kinds and their fields",
    about: `Without an argument it lists the kinds. For a kind it lists the fields with their types and defaults, says
      which are required and which cannot be changed later, and shows an example manifest. It needs no server.`,
    usage: "[KIND[.FIELD...]] [-o json|yaml]",
    examples: [
      ["mcpctl explain", "List the kinds"],
      ["mcpctl explain llm", "Describe the fields of an llm"],
      ["mcpctl explain llm.apiKeyRef", "Describe one field"],
    ],
  },
  output: objectFormats,
  args: {
    what: { type: "positional", required: false, valueHint: "KIND[.FIELD...]", complete: "field-paths" },
  },
  async run({ what }, { terminal, flags }) {
    const print = await dataPrinter(flags.output);
    if (what === undefined) return terminal.out(print ? print(kinds.map(dataOf)) : allKinds());
    const [word = "", ...path] = what.split(".");
    const kind = kindNamed(word);
    if (print) return terminal.out(print(path.length === 0 ? dataOf(kind) : fieldAt(kind, path)));
    terminal.out(path.length === 0 ? kindText(kind) : fieldText(kind, path));
  },
});

/** A kind as data: its fields are JSON schemas. */
function dataOf({ kind, plural, short, summary, fields, readOnly, immutable, writeOnly, example }: Kind) {
  return { kind, plural, short, summary, fields, readOnly, immutable, writeOnly, example };
}

function allKinds(): string {
  const width = Math.max(...kinds.map(({ kind }) => kind.length));
  return kinds.map(({ kind, summary }) => `${kind.padEnd(width)}  ${summary}\n`).join("");
}

function kindText(kind: Kind): string {
  const { example } = kind;
  const words = [kind.plural, ...kind.short].filter((word) => word !== kind.kind);
  const blocks = [
    `KIND:  ${kind.kind}${words.length > 0 ? ` (also ${words.join(", ")})` : ""}`,
    kind.summary,
    writesText(kind),
    `FIELDS:\n${fieldLines(["name", nameSchema], kind)}${propertyLines(kind.fields, kind)}`,
    `SET BY THE SERVER:\n${propertyLines(kind.readOnly, kind)}${serverFields}`,
    `EXAMPLE:\n${indent(yamlText({ kind: kind.kind, ...example }))}`,
  ];
  const texts = blocks.map((block) => block.trimEnd()).filter((block) => block !== "");
  return `${texts.join("\n\n")}\n`;
}

/** A sentence about a kind whose objects the server makes; empty if users may create, change and delete them. */
function writesText({ plural, writes }: Kind): string {
  if (writes.length === 3) return "";
  const allowed =
    writes.length === 0 ? "neither create, change nor delete them" : `only ${writes.join(" and ")} them`;
  return `The server makes ${plural}. Users can ${allowed}.`;
}

const nameSchema = {
  type: "string",
  description: "Lower-case letters, digits and hyphens; at most 100",
} as unknown as TSchema;
const serverFields =
  "  id <string>\n  version <integer>\n      Increases with every change\n  createdAt, updatedAt <time>\n";

/** The schema of a field. Throws AppError `usage` that suggests the nearest. */
function fieldAt(kind: Kind, path: readonly string[]): TSchema {
  let schema: TSchema = {
    ...kind.fields,
    properties: { name: nameSchema, ...kind.readOnly.properties, ...kind.fields.properties },
  };
  for (const [index, field] of path.entries()) {
    const inner = elementOf(schema);
    const known = propertiesOf(inner);
    const next = known[field];
    if (!next) {
      const where = [kind.kind, ...path.slice(0, index)].join(".");
      const names = Object.keys(known);
      if (names.length === 0) throw new AppError("usage", `${where} has no fixed fields`);
      throw new AppError("usage", `${where}.${field}: ${unknownField(field, names)}`, {
        hint: `fields: ${names.join(", ")}`,
      });
    }
    schema = next;
  }
  return schema;
}

function fieldText(kind: Kind, path: readonly string[]): string {
  const schema = fieldAt(kind, path);
  const [name = ""] = path.slice(-1);
  const top = path.length === 1;
  const inside = elementOf(schema);
  // Fields that only the server sets are never required.
  const shown = path[0]! in kind.readOnly.properties ? { ...inside, required: [] } : inside;
  const blocks = [
    `FIELD:  ${kind.kind}.${path.join(".")} <${typeOf(schema)}>`,
    schema.description ?? "",
    traits(kind, name, schema, top)
      .map((trait) => `${trait}\n`)
      .join(""),
    Object.keys(propertiesOf(shown)).length > 0 ? `FIELDS:\n${propertyLines(shown, undefined)}` : "",
    top && name in kind.example ? `EXAMPLE:\n${indent(yamlText({ [name]: kind.example[name] }))}` : "",
  ];
  return `${blocks
    .map((block) => block.trimEnd())
    .filter((block) => block !== "")
    .join("\n\n")}\n`;
}

/** The fields in a schema, each with its type and notes. `kind` is given for the fields at its top. */
function propertyLines(schema: TSchema, kind: Kind | undefined): string {
  return Object.entries(propertiesOf(schema))
    .map((entry) => fieldLines(entry, kind, schema))
    .join("");
}

function fieldLines([name, schema]: [string, TSchema], kind: Kind | undefined, parent?: TSchema): string {
  const required =
    name === "name" && kind ? true : parent && isRequired(parent, name) && parent !== kind?.readOnly;
  const notes = [required ? "required" : "", ...(kind ? traits(kind, name, schema, true) : traitsOf(schema))];
  const head = `  ${name} <${typeOf(schema)}>${notes
    .filter((note) => note !== "")
    .map((note) => `, ${note}`)
    .join("")}\n`;
  return schema.description ? `${head}      ${schema.description}\n` : head;
}

/** The notes on a field, besides its type. */
function traits(kind: Kind, name: string, schema: TSchema, top: boolean): string[] {
  if (!top) return traitsOf(schema);
  const targets = referencesOf(kind, name);
  return [
    ...traitsOf(schema),
    kind.immutable.includes(name) || name === "name" ? "cannot be changed" : "",
    kind.writeOnly.includes(name) ? "never shown" : "",
    targets.length > 0 ? `names ${withArticle(targets.join(" or "))}` : "",
  ].filter((trait) => trait !== "");
}

function traitsOf(schema: TSchema): string[] {
  const value: unknown = schema.default;
  const empty = value === undefined || value === null || Object.keys(Object(value)).length === 0;
  const shown = typeof value === "boolean" || !empty;
  return shown ? [`default ${JSON.stringify(value)}`] : [];
}

/** `string`, `fast | heavy`, `list of string`, … */
function typeOf(schema: TSchema): string {
  const inner = present(schema);
  const shape = shapeOf(schema);
  if (shape === "word") return wordsOf(schema).join(" | ");
  if (inner.type === "array") return `list of ${typeOf(inner.items)}`;
  if (shape === "map") return `map of ${typeOf(Object.values(inner.patternProperties)[0] as TSchema)}`;
  if (inner.format === "date-time") return "time";
  if (inner.anyOf) return [...new Set((inner.anyOf as TSchema[]).map(typeOf))].join(" | ");
  return inner.const !== undefined ? String(inner.const) : (inner.type ?? "anything");
}

/** The schema of a list's elements, or of the value itself. */
function elementOf(schema: TSchema): TSchema {
  const inner = present(schema);
  return inner.type === "array" ? inner.items : inner;
}

/** The fields of an object; for a choice of objects, those of all of them. */
function propertiesOf(schema: TSchema): Record<string, TSchema> {
  const inner = present(schema);
  const variants = [...((inner.anyOf ?? []) as TSchema[]), inner];
  return Object.assign({}, ...variants.toReversed().map((variant) => variant.properties ?? {}));
}

/** The kinds that a field refers to. The descriptor is asked with a value in every field. */
function referencesOf(kind: Kind, name: string): string[] {
  const references = kind.references(sampleOf(kind.fields) as never);
  return [...new Set(references.filter(({ path }) => path.split("/")[1] === name).map((to) => to.kind))];
}

/** A value with every field set; lists have one element for each word that an element may hold. */
function sampleOf(schema: TSchema): unknown {
  const inner = present(schema);
  if (inner.type === "array") {
    const words = Object.entries(propertiesOf(inner.items)).flatMap(([field, property]) =>
      wordsOf(property).map((word) => ({ [field]: word })),
    );
    const sample = sampleOf(inner.items);
    return words.length > 0 ? words.map((word) => Object.assign({}, sample, word)) : [sample];
  }
  if (inner.anyOf) return wordsOf(inner)[0] ?? sampleOf(inner.anyOf[0]);
  if (!inner.properties) return inner.type === "string" ? "x" : {};
  return Object.fromEntries(
    Object.entries(inner.properties as Record<string, TSchema>).map(([field, property]) => [
      field,
      sampleOf(property),
    ]),
  );
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
