import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import type { GlobalFlags } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import type { KindExtension } from "../kinds/extension.ts";
import { jsonText, parseFormat } from "../output/format.ts";
import { exportOf, yamlText } from "../output/yaml.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Warns about what the answer to a create tells besides the object, and that a bearer is shown only now. */
export function warnAbout(kind: Kind, object: Resource, extension: KindExtension, terminal: Terminal): void {
  for (const text of extension.warnings?.(object) ?? [])
    warn(terminal, `${kind.kind} '${object.name}': ${text}`);
  if (onceLine(object, extension) !== "" && terminal.outIsTerminal)
    terminal.err(`This is the only time the ${extension.shownOnce} is shown:\n`);
}

/** The value that the server shows only this once, as a line of its own; empty if there is none. */
export function onceLine(object: Resource, { shownOnce }: KindExtension): string {
  const value = shownOnce === undefined ? undefined : object[shownOnce];
  return typeof value === "string" ? `${value}\n` : "";
}

/** How a verb that writes says what it did: in a sentence, or as `-o` says. */
export type Format = "text" | "json" | "yaml" | "name";

/** The format that was asked for. Throws AppError `usage`: a verb calls it before it changes anything. */
export function formatOf({ output }: GlobalFlags): Format {
  const { as } = parseFormat(output);
  if (as === "table") return "text";
  if (as === "json" || as === "yaml" || as === "name") return as;
  throw new AppError("usage", `-o ${as} is not possible here`, { hint: "-o json, yaml or name" });
}

/** What stdout shows of an object that was just written. `line` says it in a sentence. */
export function shown(
  format: Format,
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
