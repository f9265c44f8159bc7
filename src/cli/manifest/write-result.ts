import type { Kind, Resource } from "../../kinds/define.ts";
import { escapeLine, jsonText } from "../../wire/text.ts";
import type { GlobalFlags } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import type { KindExtension } from "../kinds/extension.ts";
import { exportOf, yamlText } from "../output/yaml.ts";
import type { Terminal } from "../terminal/terminal.ts";

/**
 * Writes the warnings of the server and of a kind about an object that was just written, and a note about a value that is
 * shown once.
 */
export function warnAbout(kind: Kind, object: Resource, extension: KindExtension, terminal: Terminal): void {
  const { warnings } = object;
  const told = Array.isArray(warnings)
    ? warnings.filter((text) => typeof text === "string").slice(0, 10)
    : [];
  for (const text of [...told, ...(extension.warnings?.(object) ?? [])])
    warn(terminal, `${kind.kind} '${object.name}': ${text}`);
  if (onceLine(object, extension) !== "" && terminal.outIsTerminal)
    terminal.err(`This is the only time the ${extension.shownOnce} is shown:\n`);
}

/** The value that the server shows only this once, as a line; empty if there is none. */
export function onceLine(object: Resource, { shownOnce }: KindExtension): string {
  const value = shownOnce === undefined ? undefined : object[shownOnce];
  return typeof value === "string" ? `${escapeLine(value)}\n` : "";
}

/** The formats of `-o` of a verb that writes objects. */
export const resultFormats = ["json", "yaml", "name"] as const;

/** The output format of a verb that writes: a sentence, or the object. */
export type ResultFormat = "text" | (typeof resultFormats)[number];

/** The format that `-o` selects. */
export function resultFormat({ output }: GlobalFlags): ResultFormat {
  return resultFormats.find((format) => format === output) ?? "text";
}

/** The text on stdout for an object that was just written. `line` is the sentence for `text`. */
export function resultText(
  format: ResultFormat,
  kind: Kind,
  object: Resource,
  line: string,
  extension: KindExtension = {},
): string {
  if (format === "json") return jsonText(object);
  if (format === "yaml") {
    const once =
      onceLine(object, extension) === "" ? {} : { [extension.shownOnce!]: object[extension.shownOnce!] };
    return yamlText({ ...exportOf(kind, object), ...once });
  }
  return `${format === "name" ? `${kind.kind}/${object.name}` : line}\n${onceLine(object, extension)}`;
}

/** The result of a verb for each format: the data of JSON and YAML, `KIND/NAME`, and the sentence. */
export interface VerbResult {
  data: unknown;
  name: string;
  line: string;
}

/** The text on stdout for a result that is not an object as the server stores it. */
export function verbResultText(format: ResultFormat, { data, name, line }: VerbResult): string {
  if (format === "json") return jsonText(data);
  if (format === "yaml") return yamlText(data);
  return `${escapeLine(format === "name" ? name : line)}\n`;
}
