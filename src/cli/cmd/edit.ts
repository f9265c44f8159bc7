import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { assertWrite } from "../../kinds/writes.ts";
import { escapeLine } from "../../wire/text.ts";
import { objectOf } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { getObject, objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { dryRunArg } from "../manifest/dry-run-arg.ts";
import { parseManifests } from "../manifest/read.ts";
import { changesTo } from "../manifest/reconcile.ts";
import { resultFormat, resultFormats, resultText } from "../manifest/write-result.ts";
import { exportOf, toYaml } from "../output/yaml.ts";
import { openEditor } from "../terminal/editor.ts";

/** `mcpctl edit KIND NAME` */
export const edit = defineVerb({
  meta: {
    name: "edit",
    description: "Change an object in your editor",
    about: `Opens the object as YAML in $EDITOR, or else $VISUAL, or else vi, and sends what you changed. Leaving the
      text as it is changes nothing. If somebody else has changed the object in the meantime, or the server refuses
      the text, your text is kept in a file that the error names.`,
    usage: "KIND NAME [flags]",
    examples: [
      ["mcpctl edit llm claude", "Edit an llm"],
      ["EDITOR='code --wait' mcpctl edit project/website", "Use another editor this once"],
    ],
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", description: "The kind, or KIND/NAME", writes: "update" },
    name: { type: "positional", required: false, description: "The name" },
    "dry-run": dryRunArg,
  },
  async run(args, context) {
    const { kind, name } = resolveObject(args.name === undefined ? [args.kind] : [args.kind, args.name]);
    assertWrite(kind, "update");
    const format = resultFormat(context.flags);
    const client = await context.client();
    const live = await getObject(kind, name, context);
    const dryRun = args["dry-run"];
    const object = await editInFile({ client, kind, live, dryRun }, context);
    if (!object) context.terminal.err("Edit cancelled, nothing was changed.\n");
    else
      context.terminal.out(
        resultText(format, kind, object, `${kind.kind} '${name}' edited${dryRun ? " (dry run)" : ""}`),
      );
  },
});

/** The object that is edited, as the server has it. */
interface Edited {
  client: ApiClient;
  kind: Kind;
  live: Resource;
  /** The server checks the changes, and makes none. */
  dryRun: boolean;
}

/**
 * Opens the object in a file in the editor and sends the changes. The file is removed unless the changes are refused.
 *
 * @returns the changed object, or undefined if nothing was changed
 * @throws AppError that names the file with the text
 */
async function editInFile(edited: Edited, context: Context): Promise<Resource | undefined> {
  const { kind, live } = edited;
  const folder = ownFolder();
  // The name is what the server says it is, and was checked to be a name (T109).
  const file = join(folder, `${kind.kind}-${live.name}.yaml`);
  const original = toYaml(kind, [live]);
  try {
    const object = await editUntilAccepted(edited, original, file, context);
    rmSync(folder, { recursive: true });
    return object;
  } catch (error) {
    if (error instanceof AppError && withoutHeader(readFileSync(file, "utf8")) !== original)
      throw withTextKept(error, file);
    rmSync(folder, { recursive: true });
    throw error;
  }
}

/** Makes a folder that other users cannot enter: new secret values may be typed into a file in it. */
function ownFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "mcpctl-edit-"));
  } catch (cause) {
    throw new AppError("invalid_request", `cannot make a file in ${tmpdir()}`, {
      cause,
      hint: "set TMPDIR to a folder that you can write to",
    });
  }
}

/** Opens the editor, and again with the reason at the top if the text is refused and there is a terminal. */
async function editUntilAccepted(
  edited: Edited,
  original: string,
  file: string,
  { env, terminal }: Context,
): Promise<Resource | undefined> {
  let text = original;
  let refusal: AppError | undefined;
  while (true) {
    writeFileSync(file, header(edited, refusal) + text, { mode: 0o600 });
    await openEditor(file, env);
    const saved = readFileSync(file, "utf8");
    const before = text;
    text = withoutHeader(saved);
    if (text === original || isBlank(text)) return undefined;
    if (refusal && text === before) throw refusal;
    try {
      return await send(edited, saved, file);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "invalid_request" || !terminal.inIsTerminal)
        throw error;
      refusal = error;
    }
  }
}

/** Sends the fields that were changed, added or removed, with the version that was shown. */
async function send(
  { client, kind, live, dryRun }: Edited,
  text: string,
  file: string,
): Promise<Resource | undefined> {
  const [manifest, ...others] = parseManifests(text, file);
  if (!manifest || others.length > 0 || manifest.kind !== kind || manifest.name !== live.name)
    throw new AppError("invalid_request", `the text must be one ${kind.kind} called "${live.name}"`);
  // A removed line clears its field.
  const gone = Object.keys(exportOf(kind, live)).filter(
    (field) => field in kind.fields.properties && !(field in manifest.fields),
  );
  const fields = { ...manifest.fields, ...Object.fromEntries(gone.map((field) => [field, null])) };
  const changes = await changesTo(kind, live, fields);
  if (Object.keys(changes).length === 0) return undefined;
  return client.call("PUT", objectPath(kind, live.id), {
    answer: objectOf(kind),
    query: dryRunQuery(dryRun),
    body: { ...changes, version: live.version },
  });
}

/** The line between the header and the text to edit. */
const border = `# ${"-".repeat(72)}\n`;

function header({ kind, live: { name } }: Edited, refusal: AppError | undefined): string {
  const lines = [
    `Edit ${kind.kind} "${name}", save and close the editor. To change nothing, leave the text as it is.`,
  ];
  lines.push(`Removing a line clears its field. All fields: mcpctl explain ${kind.kind}`);
  if (kind.writeOnly.length > 0)
    lines.push(`Never shown, but may be set here: ${kind.writeOnly.join(", ")}.`);
  if (kind.immutable.length > 0) lines.push(`Cannot be changed: ${kind.immutable.join(", ")}.`);
  if (refusal) lines.push("", `Refused: ${refusal.message}`);
  for (const { path, message } of refusal?.details ?? []) lines.push(`  ${path}: ${message}`);
  // A line break of any kind would end the comment.
  return `${lines.map((line) => `# ${escapeLine(line)}`.trimEnd()).join("\n")}\n${border}`;
}

function withoutHeader(text: string): string {
  const end = text.indexOf(border);
  return end < 0 ? text : text.slice(end + border.length);
}

function isBlank(text: string): boolean {
  return text.split("\n").every((line) => /^\s*(#|$)/.test(line));
}

function withTextKept({ code, message, details, hint, cause, requestId }: AppError, file: string): AppError {
  return new AppError(code, message, {
    cause,
    ...(details && { details }),
    ...(requestId !== undefined && { requestId }),
    hint: `${hint ? `${hint}; ` : ""}nothing was changed; your text is in ${file}`,
  });
}
