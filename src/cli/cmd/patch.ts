import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { unknownField } from "../../kinds/validate.ts";
import { assertWrite } from "../../kinds/writes.ts";
import { objectOf } from "../client/answers.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { getObject, objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { pairOf, referenceOf } from "../flags/parse-values.ts";
import { schemaAt, setAt, shapeOf, typedValue } from "../flags/schema.ts";
import { secretValue } from "../flags/secret-values.ts";
import { extensionOf } from "../kinds/index.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { dryRunArg } from "../manifest/dry-run-arg.ts";
import { resultFormat, resultFormats, resultText, warnAbout } from "../manifest/write-result.ts";

/** `mcpctl patch KIND NAME field=value…` */
export const patch = defineVerb({
  meta: {
    name: "patch",
    description: "Change single fields of an object",
    about: `Sets each FIELD to VALUE and leaves the other fields as they are. A dot leads to a field inside another one,
      and an empty VALUE clears a field. Values of secrets are read from a file (@FILE) or from standard input (-).`,
    usage: "KIND NAME FIELD=VALUE... [flags]",
    examples: [
      ["mcpctl patch llm claude tier=heavy description='for the hard ones'", "Set two fields"],
      ["mcpctl patch llm claude timeouts.firstByte=30", "Set a field inside another"],
      ["mcpctl patch llm claude apiKeyRef=anthropic/api-key", "Take another key: SECRET/KEY"],
      ["mcpctl patch llm claude poolName=", "Clear a field; poolName=null does the same"],
      ["mcpctl patch secret anthropic data.api-key=-", "Replace a value with one from standard input"],
      ["mcpctl patch llm claude model=claude-9 --dry-run", "Let the server check it, and change nothing"],
    ],
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", description: "The kind, or KIND/NAME", writes: "update" },
    changes: { type: "positional", multiple: true, required: false, valueHint: "NAME FIELD=VALUE" },
    "dry-run": dryRunArg,
  },
  async run(args, context) {
    const { kind, name, rest } = resolveObject([args.kind, ...args.changes]);
    assertWrite(kind, "update");
    if (rest.length === 0) throw new AppError("usage", "FIELD=VALUE is missing");
    const format = resultFormat(context.flags);
    const client = await context.client();
    const live = await getObject(kind, name, context);
    const body = await changesFrom(kind, live, rest, context);
    const dryRun = args["dry-run"];
    const query = dryRunQuery(dryRun);
    const object = await client.call("PUT", objectPath(kind, live.id), {
      query,
      body,
      answer: objectOf(kind),
    });
    warnAbout(kind, object, {}, context.terminal);
    const what = object.version === live.version ? "unchanged" : "patched";
    const line = `${kind.kind} '${name}' ${what}${dryRun ? " (dry run)" : ""}`;
    context.terminal.out(resultText(format, kind, object, line));
  },
});

/**
 * The body of the PUT. A change inside a field is made in a copy of its current value; the version is then sent too, so
 * that a change of somebody else to the same field is not lost. A field that is never shown is merged by the server.
 */
async function changesFrom(
  kind: Kind,
  live: Resource,
  texts: readonly string[],
  source: Pick<Context, "cwd" | "terminal">,
): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = {};
  const { currentPath } = await extensionOf(kind.kind);
  for (const text of texts) {
    const [dotted, value] = pairOf(text, "each change is written as FIELD=VALUE");
    const given = dotted.split(".");
    const path = currentPath?.(live, given) ?? given;
    const field = path[0]!;
    refuseFixed(kind, live.name, path);
    const writeOnly = kind.writeOnly.includes(field);
    if (path.length > 1 && !writeOnly) {
      body[field] ??= live[field] ?? {};
      body["version"] = live.version;
    }
    const after = writeOnly ? await hiddenValue(kind, path, value, source) : valueAt(kind, path, value);
    // The field is sent as a whole: a cleared key is left out.
    setAt(body, path, after === null && path.length > 1 && !writeOnly ? undefined : after);
  }
  return body;
}

function refuseFixed(kind: Kind, name: string, path: readonly string[]): void {
  const [field = "", ...inner] = path;
  const fixed = ["id", "version", "createdAt", "updatedAt", ...Object.keys(kind.readOnly.properties)];
  if (fixed.includes(field)) throw new AppError("usage", `${field} is set by the server`);
  if (field === "name" || kind.immutable.includes(field))
    throw new AppError("usage", `${field} cannot be changed`, {
      hint: `to have another one, delete it and create it again: mcpctl delete ${kind.kind} ${name}`,
    });
  const known = Object.keys(kind.fields.properties);
  const hint = { hint: `to see the fields: mcpctl explain ${kind.kind}` };
  if (!known.includes(field)) throw new AppError("usage", `${field}: ${unknownField(field, known)}`, hint);
  if (path.includes("")) throw new AppError("usage", `"${path.join(".")}" is not the path of a field`, hint);
  if (inner.length > 0 && !["map", "reference", "json"].includes(shapeOf(kind.fields.properties[field]!)))
    throw new AppError("usage", `${field} has no inner fields`, hint);
}

function valueAt(kind: Kind, path: readonly string[], text: string): unknown {
  if (text === "" || text === "null") return null;
  const schema = schemaAt(kind.fields, path);
  const value = typedValue(schema, text);
  if (!schema || typeof value !== "string") return value;
  const shape = shapeOf(schema);
  if (shape === "reference") return referenceOf(value, path.join("."));
  return shape === "list" ? value.split(",") : value;
}

/** Reads a value that is never shown again. A password is not accepted as an argument, which every process can see. */
async function hiddenValue(
  kind: Kind,
  path: readonly string[],
  text: string,
  source: Pick<Context, "cwd" | "terminal">,
): Promise<string | null> {
  const dotted = path.join(".");
  if (path.length === 1 && shapeOf(kind.fields.properties[dotted]!) !== "text")
    throw new AppError("usage", `${dotted} needs a key: ${dotted}.KEY=VALUE`);
  if (text === "" || text === "null") return null;
  if (path.length === 1 && text !== "-" && !text.startsWith("@"))
    throw new AppError("usage", `a ${dotted} cannot be given as an argument`, {
      hint: `to read it from standard input: ${dotted}=-`,
    });
  return secretValue(dotted, text, source);
}
