import { AppError } from "../../errors.ts";
import { withArticle } from "../../kinds/article.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { findKind } from "../../kinds/index.ts";
import { isName, nameRule } from "../../kinds/names.ts";
import { createExamples } from "../../kinds/secret-backends/config.ts";
import { assertWrite } from "../../kinds/writes.ts";
import type { ApiClient } from "../client/client.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { defineVerb, type VerbMeta } from "../core/command.ts";
import { warn } from "../core/failure.ts";
import { argsOf } from "../flags/define.ts";
import { createUsage, exampleLine } from "../flags/example-line.ts";
import { fieldsFrom } from "../flags/fields.ts";
import { namedByFlags } from "../flags/named-by-flags.ts";
import { extensionOf } from "../kinds/index.ts";
import { splitKindName } from "../kinds/kind-name.ts";
import { kindNamed, resolveObject } from "../kinds/resolve-kind.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { createObject, reconcile } from "../manifest/reconcile.ts";
import { resultFormat, resultFormats, resultText, warnAbout } from "../manifest/write-result.ts";

const examples: readonly (readonly [command: string, purpose: string])[] = [
  ["mcpctl create secret anthropic --data api-key=-", "Store an API key that standard input provides"],
  [
    "mcpctl create llm claude --type anthropic --model claude-sonnet-5 --api-key-ref anthropic/api-key",
    "Create an llm with the API key of this secret",
  ],
  ["mcpctl create agent reviewer --llm claude --system-prompt-file prompt.md", "Create a persona"],
  [
    "mcpctl create token laptop --bind role:run,resource:llms --ttl 30d",
    "Create a token, which is printed this once",
  ],
  ["mcpctl create server files --from-template filesystem --set FOLDER=/srv/notes", "Create an MCP server"],
  ...createExamples(),
];

/** `mcpctl create KIND NAME`, with the flags of the kind. */
export const create = defineVerb({
  meta: {
    name: "create",
    description: "Create an object",
    about: `Each field of the kind is a flag: "mcpctl create llm --help" lists those of an llm. Secret values and
      passwords are read from a file or from standard input, so that they are in no shell history; on a terminal you
      are asked for them, and nothing of the answer shows. An object that
      exists already is an error, unless --force updates it. Creating an llm also asks the provider if it accepts the
      key; a refusal is a warning. With --dry-run the server checks everything that it checks for a create, and nothing
      is created: no secret, no token, no audit event. -o yaml then shows the object as it would be.

      To keep objects in files, use "mcpctl apply".`,
    usage: "KIND NAME [flags]",
    examples,
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", description: "The kind, or KIND/NAME", writes: "create" },
    name: { type: "positional", required: false, description: "The name" },
    force: { type: "boolean", description: "Update the object if it exists already" },
    "dry-run": { type: "boolean", description: "Let the server check it, and create nothing" },
  },
  async moreArgs(words) {
    const [first] = words;
    const known = words.map((word) => findKind(splitKindName(word).kind)).find((kind) => kind !== undefined);
    // A mistyped kind is reported before its flags, which are all unknown without the kind.
    const kind = known ?? (first === undefined ? undefined : kindNamed(splitKindName(first).kind));
    return kind ? { ...argsOf(kind), ...(await extensionOf(kind.kind)).createArgs } : {};
  },
  async metaFor(words) {
    const kind = words.map((word) => findKind(splitKindName(word).kind)).find((one) => one !== undefined);
    if (!kind) return {};
    assertWrite(kind, "create");
    return helpOf(kind);
  },
  async run(args, context) {
    const { kind, name } = resolveObject(args.name === undefined ? [args.kind] : [args.kind, args.name]);
    assertWrite(kind, "create");
    if (!isName(name)) throw new AppError("usage", `"${name}" is not a name: names have ${nameRule}`);
    const format = resultFormat(context.flags);
    const extension = await extensionOf(kind.kind);
    const special = await extension.createSpecially?.(name, args, context);
    if (special) {
      const { object, notes } = special;
      context.terminal.out(resultText(format, kind, object, lineOf(kind, object, "created"), extension));
      context.terminal.err(notes);
      return;
    }
    const given = await fieldsFrom(kind, name, args, context);
    const start = await extension.startFrom?.(name, args, context);
    const fields = { ...start?.fields, ...given };
    const manifest = { kind, name, fields, source: "the command line" };
    const dryRun = args["dry-run"];
    const options = { query: extension.createQuery?.(args) ?? {}, dryRun };
    const client = await context.client();
    const { what, object } = await write(client, manifest, options, args.force).catch(async (error) => {
      await start?.undo?.();
      const needs = dryRun ? start?.planned?.behind(error) : undefined;
      if (needs === undefined) throw namedByFlags(error, kind, args, context.flags.project);
      context.terminal.err(`not checked to the end: it needs ${needs}\n`);
      return { what: "created", object: objectOfManifest(manifest) };
    });
    warnAbout(kind, object, extension, context.terminal);
    const { shownOnce, renewal } = extension;
    if (args.force && !dryRun && shownOnce !== undefined && typeof object[shownOnce] !== "string")
      warn(
        context.terminal,
        `it existed already, and its ${shownOnce} is shown only when it is made; for a new one: ${renewal?.(object)}`,
      );
    const line = dryRun ? `${kind.kind} '${name}' ${what} (dry run)` : lineOf(kind, object, what);
    context.terminal.out(resultText(format, kind, object, line, extension));
  },
});

/** The help of `create KIND`. */
function helpOf(kind: Kind): Partial<VerbMeta> {
  const line = exampleLine(kind);
  const own = examples.filter(([command]) => command.startsWith(`mcpctl create ${kind.kind} `));
  return {
    description: `Create ${withArticle(kind.kind)}`,
    about: `${kind.summary}

      --force updates it if it exists already; with --dry-run the server only checks it. "mcpctl explain ${kind.kind}" describes
      the fields. To keep it in a file: mcpctl apply -f FILE.`,
    usage: createUsage(kind),
    examples: own.length > 0 ? own : [[`mcpctl ${line}`, `Create ${withArticle(kind.kind)}`]],
  };
}

function lineOf(kind: Kind, object: Resource, what: string): string {
  return `${kind.kind} '${object.name}' ${what} (id: ${object.id})`;
}

/** Returns an object as a manifest describes it, without the fields that are never shown. */
function objectOfManifest({ kind, name, fields }: Manifest): Resource {
  const shown = Object.entries(fields).filter(
    ([field, value]) => value !== null && !kind.writeOnly.includes(field),
  );
  return { name, ...Object.fromEntries(shown) } as Resource;
}

interface CreateOptions {
  query: Record<string, string>;
  dryRun: boolean;
}

async function write(
  client: ApiClient,
  manifest: Manifest,
  options: CreateOptions,
  force: boolean,
): Promise<{ what: string; object: Resource }> {
  if (force) return createOrUpdate(client, manifest, options);
  return { what: "created", object: await createNew(client, manifest, options) };
}

async function createNew(
  client: ApiClient,
  manifest: Manifest,
  { query, dryRun }: CreateOptions,
): Promise<Resource> {
  try {
    return await createObject(client, manifest, { ...query, ...dryRunQuery(dryRun) });
  } catch (error) {
    const { kind, name } = manifest;
    const message = `${kind.kind} "${name}" exists already`;
    // Another name of it can be taken, too: an alias, or that of its pool.
    if (!(error instanceof AppError) || error.code !== "name_taken" || error.message !== message) throw error;
    throw new AppError("name_taken", message, {
      cause: error,
      hint: hintFor(kind, name),
    });
  }
}

function hintFor(kind: Kind, name: string): string {
  const changeable = Object.keys(kind.fields.properties).some((field) => !kind.immutable.includes(field));
  return changeable
    ? `to update it, add --force; to change it in an editor: mcpctl edit ${kind.kind} ${name}`
    : `to see it: mcpctl describe ${kind.kind} ${name}`;
}

async function createOrUpdate(
  client: ApiClient,
  manifest: Manifest,
  options: CreateOptions,
): Promise<{ what: string; object: Resource }> {
  const { result, object } = await reconcile(client, manifest, options).catch((error: unknown) => {
    throw isImmutable(error)
      ? withHint(error, `delete it first: mcpctl delete ${manifest.kind.kind} ${manifest.name}`)
      : error;
  });
  return { what: result === "configured" ? "updated" : result, object: object! };
}

/** True if the server refuses only changes of fields that never change. */
function isImmutable(error: unknown): error is AppError {
  if (!(error instanceof AppError) || !error.details || error.details.length === 0) return false;
  return error.details.every(({ message }) => message === "cannot be changed");
}

function withHint({ code, message, details, cause }: AppError, hint: string): AppError {
  return new AppError(code, message, { cause, hint, ...(details && { details }) });
}
