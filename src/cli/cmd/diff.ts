import type { Kind, Resource } from "../../kinds/define.ts";
import { isObject } from "../../wire/json.ts";
import { escapeBlock } from "../../wire/text.ts";
import type { ApiClient } from "../client/client.ts";
import { PlannedObjects } from "../client/dry-run.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { reportFailure, warn } from "../core/failure.ts";
import { fileArg } from "../manifest/file-arg.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { isFatal, reportManifestFailure } from "../manifest/manifest-failure.ts";
import { inOrder } from "../manifest/order.ts";
import { readManifests } from "../manifest/read.ts";
import { changesTo, defaultOf, findLive, reconcileWith } from "../manifest/reconcile.ts";
import { exportOf, yamlText } from "../output/yaml.ts";
import { pauseUntil, retrying } from "./apply/retry.ts";
import { coloredDiff } from "./diff/colored-diff.ts";
import { unifiedDiff } from "./diff/line-diff.ts";

/** `mcpctl diff -f FILE` */
export const diff = defineVerb({
  meta: {
    name: "diff",
    description: "Show what apply would change",
    about: `Prints a unified diff of the objects on the server and of what apply would make of them. The server checks each
      object as if it were written, and writes nothing: what apply would be refused is an error here. Values that are
      never shown, such as those of secrets, are not compared.

      Exits with 0 if nothing differs, with 1 if something does, and with 2 or more if something would be refused or it
      fails.`,
    usage: "-f FILE|DIR|- [flags]",
    examples: [["mcpctl diff -f house.yaml", "Compare the manifests of a file with the server"]],
  },
  args: {
    file: { ...fileArg, required: true },
  },
  run: (args, context) => diffFiles(args.file, context),
});

async function diffFiles(paths: readonly string[], context: Context): Promise<number> {
  const { terminal, flags } = context;
  let code = 0;
  try {
    const manifests = await readManifests(paths, context);
    const client = await context.client();
    const planned = new PlannedObjects();
    for (const manifest of inOrder(manifests)) {
      try {
        const text = await difference(client, manifest, planned, context);
        if (text === "") continue;
        code = Math.max(code, 1);
        terminal.out(coloredDiff(escapeBlock(text), terminal.color));
      } catch (error) {
        if (isFatal(error)) throw error;
        // 1 means that something differs, so no failure may exit with it.
        code = Math.max(code, 2, reportManifestFailure(error, manifest, context));
      }
    }
    return code;
  } catch (error) {
    return Math.max(2, reportFailure(error, terminal, flags.verbose));
  }
}

/** Returns the diff of one object as the server says it would be. Throws AppError if the server would refuse it. */
async function difference(
  client: ApiClient,
  manifest: Manifest,
  planned: PlannedObjects,
  { terminal, signal }: Context,
): Promise<string> {
  const { kind, name, fields, source } = manifest;
  const clock = pauseUntil(signal);
  const live = await retrying(() => findLive(client, manifest), clock);
  if (live && kind.writeOnly.some((field) => field in fields))
    warn(terminal, `${kind.kind} '${name}': values that are never shown are not compared`);
  const checked = await retrying(() => reconcileWith(live, client, manifest, { dryRun: true }), clock).catch(
    (error: unknown) => {
      const needs = planned.behind(error);
      if (needs === undefined) throw error;
      warn(terminal, `${kind.kind} '${name}' is not checked to the end: it needs ${needs}`);
      return undefined;
    },
  );
  if (!live) planned.add(manifest);
  const before = live ? exportOf(kind, live) : undefined;
  const after = exportOf(
    kind,
    checked?.object
      ? { ...checked.object, ...inOrderOf(live ?? {}, checked.object) }
      : { ...live, name, ...(await fieldsAfter(kind, live ?? {}, fields)) },
  );
  const label = `${kind.kind}/${name}`;
  return unifiedDiff(before ? yamlText(before) : "", yamlText(after), [
    `${label} (live)`,
    `${label} (${source})`,
  ]);
}

/** The fields of an object that the server returned, with the keys of their maps in the order of another one. */
function inOrderOf(live: Readonly<Record<string, unknown>>, object: Resource): Record<string, unknown> {
  const entries = Object.entries(object);
  return Object.fromEntries(entries.map(([field, value]) => [field, orderedLike(live[field], value)]));
}

/** The fields after a change that the server could not check. Null stands for the default. */
async function fieldsAfter(
  kind: Kind,
  live: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const changes = await changesTo(kind, live, fields);
  const after: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(changes))
    after[field] = orderedLike(live[field], value ?? defaultOf(kind, field));
  return after;
}

/** A value with the keys of its maps in the order of another value, because the order makes no difference. */
function orderedLike(other: unknown, value: unknown): unknown {
  if (!isObject(other) || !isObject(value)) return value;
  const before = Object.keys(other).filter((key) => Object.hasOwn(value, key));
  const keys = new Set([...before, ...Object.keys(value)]);
  return Object.fromEntries([...keys].map((key) => [key, orderedLike(other[key], value[key])]));
}
