import type { Kind } from "../../kinds/define.ts";
import { isObject } from "../../wire/json.ts";
import { escapeBlock } from "../../wire/text.ts";
import type { ApiClient } from "../client/client.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { reportFailure, warn } from "../core/failure.ts";
import { extensionOf } from "../kinds/index.ts";
import { fileArg } from "../manifest/file-arg.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { inOrder } from "../manifest/order.ts";
import { readManifests } from "../manifest/read.ts";
import { changesTo, defaultOf, findLive } from "../manifest/reconcile.ts";
import { exportOf, yamlText } from "../output/yaml.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { coloredDiff } from "./diff/colored-diff.ts";
import { unifiedDiff } from "./diff/line-diff.ts";

/** `mcpctl diff -f FILE` */
export const diff = defineVerb({
  meta: {
    name: "diff",
    description: "Show what apply would change",
    about: `Prints a unified diff of the objects on the server and of those that the manifests describe. It changes
      nothing. Values that are never shown, such as those of secrets, are not compared.

      Exits with 0 if nothing differs, with 1 if something does, and with 2 or more if it fails.`,
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
  try {
    const manifests = await readManifests(paths, context);
    const client = await context.client();
    let differs = false;
    for (const manifest of inOrder(manifests)) {
      const text = await difference(client, manifest, terminal);
      if (text === "") continue;
      differs = true;
      terminal.out(coloredDiff(escapeBlock(text), terminal.color));
    }
    return differs ? 1 : 0;
  } catch (error) {
    // 1 means that something differs, so no failure may exit with it.
    return Math.max(2, reportFailure(error, terminal, flags.verbose));
  }
}

async function difference(client: ApiClient, manifest: Manifest, terminal: Terminal): Promise<string> {
  const { kind, name, fields, source } = manifest;
  const live = await findLive(client, manifest);
  if (live && kind.writeOnly.some((field) => field in fields))
    warn(terminal, `${kind.kind} '${name}': values that are never shown are not compared`);
  const before = live ? exportOf(kind, live) : undefined;
  const changes = live ? await changesTo(kind, live, fields) : fields;
  const after = exportOf(kind, { ...live, name, ...(await fieldsAfter(kind, live ?? {}, changes)) });
  const label = `${kind.kind}/${name}`;
  return unifiedDiff(before ? yamlText(before) : "", yamlText(after), [
    `${label} (live)`,
    `${label} (${source})`,
  ]);
}

/** The fields after a change. Null stands for the default. */
async function fieldsAfter(
  kind: Kind,
  live: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const after: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(changes))
    after[field] = orderedLike(live[field], value ?? defaultOf(kind, field));
  const { readOnlyAfter } = await extensionOf(kind.kind);
  return { ...after, ...readOnlyAfter?.(live, changes) };
}

/** A value with the keys of its maps in the order of another value, because the order makes no difference. */
function orderedLike(other: unknown, value: unknown): unknown {
  if (!isObject(other) || !isObject(value)) return value;
  const before = Object.keys(other).filter((key) => Object.hasOwn(value, key));
  const keys = new Set([...before, ...Object.keys(value)]);
  return Object.fromEntries([...keys].map((key) => [key, orderedLike(other[key], value[key])]));
}
