import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { allowsWrite, assertWrite } from "../../kinds/writes.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { reportFailure } from "../core/failure.ts";
import { extensionOf } from "../kinds/index.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { inOrder } from "../manifest/order.ts";
import { readManifests } from "../manifest/read.ts";
import { type Outcome, reconcile } from "../manifest/reconcile.ts";
import { formatOf, onceLine, warnAbout } from "../manifest/write-result.ts";
import { jsonText } from "../output/format.ts";
import { yamlText } from "../output/yaml.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type Pause, pauseUntil, retrying } from "./apply/retry.ts";

/** `mcpctl apply -f FILE` */
export const apply = defineVerb({
  meta: {
    name: "apply",
    description: "Create and change objects so that they match manifests",
    about: `Creates the objects that do not exist and changes the fields that differ. A field that a manifest does not
      name stays as it is; null clears one. Objects that no manifest names are not deleted.

      All files are checked before anything is sent. Objects are applied in the order in which they refer to each
      other, whatever their order in the files. If one fails, the others are still applied and the exit code is 1.`,
    usage: "-f FILE|DIR|- [flags]",
    examples: [
      ["mcpctl apply -f house.yaml", "Apply the manifests of a file"],
      ["mcpctl apply -f manifests/ --dry-run", "Show what would be done"],
      ["mcpctl get llms -o yaml | mcpctl apply -f -", "Apply an export, which changes nothing"],
    ],
  },
  args: {
    file: {
      type: "string",
      alias: "f",
      multiple: true,
      required: true,
      valueHint: "FILE|DIR|-",
      description: "YAML or JSON; a folder's *.yaml, *.yml and *.json; - is standard input",
    },
    "dry-run": { type: "boolean", description: "Change nothing, only say what would happen" },
  },
  run: (args, context) => applyFiles(args.file, args["dry-run"], context, pauseUntil(context.signal)),
});

/** What became of one manifest, as `-o json` and `-o yaml` print it. */
interface Report {
  kind: string;
  name: string;
  result: Outcome["result"] | "failed";
  /** As the server answered. A new token has its bearer here. */
  object?: Resource;
}

/**
 * Applies manifests one after the other, going on after a failure.
 *
 * @returns the exit code
 * @throws AppError when the manifests are not valid, the server cannot be reached or does not know the caller
 */
export async function applyFiles(
  paths: readonly string[],
  dryRun: boolean,
  context: Context,
  pause: Pause,
): Promise<number> {
  const { terminal } = context;
  const format = formatOf(context.flags);
  const manifests = await readManifests(paths, context);
  for (const { kind } of manifests) if (!allowsWrite(kind, "update")) assertWrite(kind, "create");
  const client = await context.client();
  const reports: Report[] = [];
  try {
    for (const manifest of inOrder(manifests)) {
      const apply = () => reconcile(client, manifest, { dryRun });
      const busy = (milliseconds: number) => tellBusy(manifest, milliseconds, terminal);
      const outcome = await retrying(apply, pause, busy).catch((error) => failed(error, manifest, context));
      reports.push(reportOn(manifest, outcome));
      const extension = await extensionOf(manifest.kind.kind);
      if (outcome?.object) warnAbout(manifest.kind, outcome.object, extension, terminal);
      if (format === "text") terminal.out(line(manifest, outcome, dryRun));
      if (format === "name" && outcome) terminal.out(`${manifest.kind.kind}/${manifest.name}\n`);
      if ((format === "text" || format === "name") && outcome?.object)
        terminal.out(onceLine(outcome.object, extension));
    }
  } finally {
    // A server that went away in the middle is no reason to keep quiet about what was done before.
    if (format === "json") terminal.out(jsonText(reports));
    if (format === "yaml") terminal.out(yamlText(reports));
  }
  return reports.some(({ result }) => result === "failed") ? 1 : 0;
}

/** Tells why one object failed. What would fail for every other as well is thrown. */
function failed(error: unknown, { kind, name, source }: Manifest, { terminal, flags }: Context): undefined {
  if (!(error instanceof AppError) || fatal.has(error.code)) throw error;
  const { code, message, details, hint } = error;
  const where = new AppError(code, `${source}: ${kind.kind} '${name}': ${message}`, {
    cause: error,
    ...(details && { details }),
    ...(hint && { hint }),
  });
  reportFailure(where, terminal, flags.verbose);
}

const fatal: ReadonlySet<string> = new Set(["connection_failed", "unauthenticated", "interrupted"]);

function reportOn({ kind, name }: Manifest, outcome: Outcome | undefined): Report {
  const { result = "failed", object } = outcome ?? {};
  return { kind: kind.kind, name, result, ...(object && { object }) };
}

/** `llm 'claude' configured`; in a dry run with the names of the fields, never their values (T37). */
function line({ kind, name }: Manifest, outcome: Outcome | undefined, dryRun: boolean): string {
  const { result = "failed", changed = [] } = outcome ?? {};
  const suffix = dryRun ? ` (${["dry run", ...changed].join(", ").replace(",", ":")})` : "";
  return `${kind.kind} '${name}' ${result}${suffix}\n`;
}

function tellBusy({ kind, name }: Manifest, milliseconds: number, terminal: Terminal): void {
  if (!terminal.errIsTerminal) return;
  terminal.err(
    `${kind.kind} '${name}': the server is busy; trying again in ${Math.ceil(milliseconds / 1000)} s\n`,
  );
}
