import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import type { GlobalFlags, Terminal } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { jsonText, parseFormat } from "../output/format.ts";
import { exportOf, yamlText } from "../output/yaml.ts";

/**
 * Warns about what the answer to a create tells besides the object: a provider or a backend that did not answer, a
 * token that may do nothing.
 */
export function warnAbout(kind: Kind, object: Resource, terminal: Terminal): void {
  const probe = object["probe"] as { ok: boolean; message: string } | undefined;
  if (probe && !probe.ok) warn(terminal, `${kind.kind} '${object.name}': ${probe.message}`);
  const health = object["health"] as { status: string; reason: string | null } | null | undefined;
  if (health && health.status !== "healthy")
    warn(terminal, `${kind.kind} '${object.name}': ${health.reason ?? health.status}`);
  if (typeof object["token"] !== "string") return;
  const grants = object["roleBindings"] as unknown[] | undefined;
  if (!grants || grants.length === 0)
    warn(terminal, `token '${object.name}' may do nothing until something is granted to it`);
  if (terminal.outIsTerminal) terminal.err("This is the only time the token is shown:\n");
}

/** The bearer in the answer to the creation of a token, as a line of its own; empty for everything else. */
export function bearerLine(object: Resource): string {
  return typeof object["token"] === "string" ? `${object["token"]}\n` : "";
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
export function shown(format: Format, kind: Kind, object: Resource, line: string): string {
  const { token } = object;
  if (format === "json") return jsonText(object);
  if (format === "yaml")
    return yamlText({ ...exportOf(kind, object), ...(typeof token === "string" && { token }) });
  return `${format === "name" ? `${kind.kind}/${object.name}` : line}\n${bearerLine(object)}`;
}
