import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { allowsWrite, assertWrite } from "../../kinds/writes.ts";
import { jsonText } from "../../wire/text.ts";
import { PlannedObjects } from "../client/dry-run.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { assertField } from "../kinds/field-name.ts";
import { extensionOf } from "../kinds/index.ts";
import { fileArg } from "../manifest/file-arg.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { isFatal, reportManifestFailure } from "../manifest/manifest-failure.ts";
import { independentGroups, inOrder } from "../manifest/order.ts";
import { readManifests } from "../manifest/read.ts";
import { findLive, type Outcome, reconcileWith } from "../manifest/reconcile.ts";
import { onceLine, resultFormat, resultFormats, warnAbout } from "../manifest/write-result.ts";
import { conditionFrom } from "../output/where.ts";
import { yamlText } from "../output/yaml.ts";
import { progressOn } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { concurrently, type Settled } from "./apply/concurrent.ts";
import { pauseUntil, type RetryClock, retrying } from "./apply/retry.ts";

/** `mcpctl apply -f FILE` */
export const apply = defineVerb({
  meta: {
    name: "apply",
    description: "Create and change objects so that they match manifests",
    about: `Creates the objects that do not exist and changes the fields that differ. A field that a manifest does not
      name stays as it is; null clears one. Objects that no manifest names are not deleted, but with --prune: then those of
      the same kinds that --where selects.

      All files are checked before anything is sent. With --dry-run the server checks each object as if it were written,
      and writes nothing. Objects are applied before those that refer to
      them, in any order of the files, and up to eight objects of one kind at the same time. If one fails, the others are still applied and the exit code is 1.`,
    usage: "-f FILE|DIR|URL|- [flags]",
    examples: [
      ["mcpctl apply -f house.yaml", "Apply the manifests of a file"],
      ["mcpctl apply -f https://example.org/house.yaml --dry-run", "Look at the manifests of an address"],
      [
        "mcpctl apply -f house.yaml --prune --where description=managed",
        "Delete what is marked so and no longer in the file",
      ],
      ["mcpctl apply -f manifests/ --dry-run", "Show what would be done"],
      ["mcpctl get llms -o yaml | mcpctl apply -f -", "Apply an export, which changes nothing"],
    ],
  },
  output: resultFormats,
  args: {
    file: { ...fileArg, required: true },
    "dry-run": {
      type: "boolean",
      description: "Let the server check everything, show what would be done, and change nothing",
    },
    prune: {
      type: "boolean",
      description: "Delete objects of the same kinds that no manifest names and --where selects",
    },
    where: {
      type: "string",
      multiple: true,
      valueHint: "FIELD=VALUE",
      description: "With --prune: only objects with this value in a field",
    },
    force: { type: "boolean", description: "With --prune: do not ask" },
  },
  async run(args, context) {
    const { prune: isPruning, where, force } = args;
    if (isPruning !== where.length > 0)
      throw new AppError("usage", isPruning ? "--prune needs --where" : "--where is for --prune", {
        hint: "for example --prune --where description=managed",
      });
    const conditions = where.map(conditionFrom);
    if (isPruning && resultFormat(context.flags) !== "text")
      throw new AppError("usage", "--prune prints lines only: leave out -o");
    const dryRun = args["dry-run"];
    const manifests = await readManifests(args.file, context);
    for (const { path } of conditions)
      await assertField(
        path,
        manifests.map(({ kind }) => kind),
        "--where",
        context,
      );
    const code = await applyManifests(manifests, dryRun, context, pauseUntil(context.signal));
    // If an object could not be applied, nothing is deleted.
    if (!isPruning || code !== 0) return code;
    const { prune } = await import("./apply/prune.ts");
    return prune(manifests, conditions, { dryRun, force }, context);
  },
});

/** Requests for this many objects run at the same time. */
const mostAtOnce = 8;

/** The result of one manifest, as `-o json` and `-o yaml` print it. */
interface Report {
  kind: string;
  name: string;
  result: Outcome["result"] | "failed";
  /** The object that the server has returned. A new token has its value here. */
  object?: Resource;
}

/**
 * Applies manifests, independent ones at the same time, and continues after a failure. The results are printed in the
 * order in which one after the other would be applied.
 *
 * @returns the exit code
 * @throws AppError if the manifests are not valid, the server cannot be reached or the login is not accepted
 */
export async function applyFiles(
  paths: readonly string[],
  dryRun: boolean,
  context: Context,
  pause: RetryClock,
): Promise<number> {
  return applyManifests(await readManifests(paths, context), dryRun, context, pause);
}

async function applyManifests(
  manifests: readonly Manifest[],
  dryRun: boolean,
  context: Context,
  pause: RetryClock,
): Promise<number> {
  const { terminal } = context;
  const format = resultFormat(context.flags);
  for (const { kind } of manifests) if (!allowsWrite(kind, "update")) assertWrite(kind, "create");
  const client = await context.client();
  const reports: Report[] = [];
  const planned = new PlannedObjects();
  const report = async (manifest: Manifest, outcome: Outcome | undefined) => {
    reports.push(reportOn(manifest, outcome));
    // Lines that are printed say how far it is; only where stdout goes elsewhere does nothing.
    progress.erase();
    if (!terminal.outIsTerminal) progress.show(`${reports.length} of ${manifests.length} objects applied`);
    const extension = await extensionOf(manifest.kind.kind);
    if (outcome?.result === "created") planned.add(manifest);
    if (outcome?.object) warnAbout(manifest.kind, outcome.object, extension, terminal);
    if (format === "text") terminal.out(line(manifest, outcome, dryRun));
    if (format === "name" && outcome) terminal.out(`${manifest.kind.kind}/${manifest.name}\n`);
    if ((format === "text" || format === "name") && outcome?.object)
      terminal.out(onceLine(outcome.object, extension));
  };
  const progress = progressOn(context);
  const counts = new Map(manifests.map((manifest) => [manifest, { attempt: 1 }]));
  const withRetries = <T>(manifest: Manifest, call: () => Promise<T>) => {
    const busy = (milliseconds: number) => writeBusy(manifest, milliseconds, terminal);
    return retrying(call, pause, busy, counts.get(manifest));
  };
  const read = (manifest: Manifest) => withRetries(manifest, () => findLive(client, manifest));
  const apply = ({ manifest, live }: Known) =>
    withRetries(manifest, () => reconcileWith(live, client, manifest, { dryRun })).catch(
      (error: unknown): Outcome => {
        const needs = dryRun ? planned.behind(error) : undefined;
        if (needs === undefined) throw error;
        return { result: live ? "configured" : "created", object: undefined, changed: [], needs };
      },
    );
  try {
    for (const group of independentGroups(inOrder(manifests))) {
      // Read first: nothing after an object whose read fails for good is written.
      const reads = await Array.fromAsync(concurrently(group, mostAtOnce, read, isFatal));
      const end = reads.findIndex((one) => "error" in one && isFatal(one.error));
      const known = end < 0 ? reads : reads.slice(0, end);
      const writes = concurrently(known, mostAtOnce, afterRead(apply), isFatal);
      let fatal: unknown;
      for await (const { item, ...settled } of writes) {
        if ("result" in settled) await report(item.item, settled.result);
        else if (isFatal(settled.error)) fatal ??= settled.error;
        else {
          reportManifestFailure(settled.error, item.item, context);
          await report(item.item, undefined);
        }
      }
      const stop = fatal ?? (end >= 0 && (reads[end] as { error: unknown }).error);
      if (stop) throw stop;
    }
  } finally {
    progress.end();
    // Also after a failure, so that the results so far are known.
    if (format === "json") terminal.out(jsonText(reports));
    if (format === "yaml") terminal.out(yamlText(reports));
  }
  return reports.some(({ result }) => result === "failed") ? 1 : 0;
}

/** A manifest with the server's object; undefined if there is none. */
interface Known {
  manifest: Manifest;
  live: Resource | undefined;
}

/** A task for what was read: it fails as the read has failed. */
function afterRead<R>(apply: (known: Known) => Promise<R>) {
  return async (read: Settled<Manifest, Resource | undefined>): Promise<R> => {
    if ("error" in read) throw read.error;
    return apply({ manifest: read.item, live: read.result });
  };
}

function reportOn({ kind, name }: Manifest, outcome: Outcome | undefined): Report {
  const { result = "failed", object } = outcome ?? {};
  return { kind: kind.kind, name, result, ...(object && { object }) };
}

/** `llm 'claude' configured`; in a dry run with the names of the changed fields, never their values (T37). */
function line({ kind, name }: Manifest, outcome: Outcome | undefined, dryRun: boolean): string {
  const { result = "failed", changed = [], needs } = outcome ?? {};
  const fields = ["dry run", ...changed].join(", ").replace(",", ":");
  const unchecked = needs === undefined ? "" : `; not checked to the end, it needs ${needs}`;
  const suffix = dryRun ? ` (${fields}${unchecked})` : "";
  return `${kind.kind} '${name}' ${result}${suffix}\n`;
}

function writeBusy({ kind, name }: Manifest, milliseconds: number, terminal: Terminal): void {
  if (!terminal.errIsTerminal) return;
  terminal.err(
    `${kind.kind} '${name}': the server is busy; trying again in ${Math.ceil(milliseconds / 1000)} s\n`,
  );
}
