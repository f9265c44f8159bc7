import { AppError } from "../../../errors.ts";
import type { KindInfo } from "../../../kinds/define.ts";
import { jsonText } from "../../../wire/text.ts";
import { anything } from "../../client/answers.ts";
import { dryRunQuery, PlannedObjects } from "../../client/dry-run.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure, warn } from "../../core/failure.ts";
import { extensionOf } from "../../kinds/index.ts";
import { resultFormat } from "../../manifest/write-result.ts";
import { yamlText } from "../../output/yaml.ts";

/** One object that will be deleted. */
export interface Deletion {
  kind: KindInfo;
  name: string;
  /** The scope in which its name is looked up. */
  query: Record<string, string | undefined>;
  /** Deletes what is no object of a kind. */
  remove?(name: string, context: Context): Promise<Removed>;
}

/** The outcome of a deletion: the line to print, and its word for `-o json` and `-o yaml`. */
export interface Removed {
  line: string;
  result: string;
  /** Other things that are lost with the object. */
  warnings?: readonly string[];
}

/** The result of one deletion, as `-o json` and `-o yaml` print it. */
interface DeletionReport {
  kind: string;
  name: string;
  result: string;
}

interface RemovalOptions {
  /** Ask first, where there is a terminal. */
  ask: boolean;
  /** Let the server check it, and delete nothing. */
  dryRun: boolean;
  /** With `dryRun`: objects that the same command would have changed, and that may therefore not stand against a deletion. */
  changed?: readonly { kind: KindInfo; name: string }[];
}

/**
 * Deletes objects in their order, and goes on after one that cannot be deleted.
 *
 * @returns the exit code
 * @throws AppError if the only one cannot be deleted
 */
export async function removeAll(
  deletions: readonly Deletion[],
  { ask, dryRun, changed = [] }: RemovalOptions,
  context: Context,
): Promise<number> {
  const { terminal } = context;
  const format = resultFormat(context.flags);
  if (ask && !dryRun && terminal.inIsTerminal && !(await confirmed(deletions, context))) {
    terminal.err("Nothing was deleted.\n");
    return 1;
  }
  let exit = 0;
  const planned = dryRun ? new PlannedObjects() : undefined;
  for (const one of changed) planned?.add(one);
  const reports: DeletionReport[] = [];
  for (const one of deletions) {
    const [kind, { name }] = [one.kind.kind, one];
    try {
      const { line, result, warnings = [] } = await remove(one, planned, context);
      reports.push({ kind, name, result });
      if (format === "text" || format === "name")
        terminal.out(`${format === "name" ? `${kind}/${name}` : line}\n`);
      for (const warning of warnings) warn(terminal, warning);
      planned?.add(one);
    } catch (error) {
      if (deletions.length === 1 || !(error instanceof AppError)) throw error;
      reports.push({ kind, name, result: "failed" });
      exit = Math.max(exit, reportFailure(error, terminal, context.flags.verbose));
    }
  }
  const shown = deletions.length === 1 ? reports[0] : reports;
  if (format === "json") terminal.out(jsonText(shown));
  else if (format === "yaml") terminal.out(yamlText(shown));
  return exit;
}

/** Shows what will be deleted and asks. */
async function confirmed(deletions: readonly Deletion[], context: Context): Promise<boolean> {
  for (const { kind, name } of deletions) context.terminal.err(`  ${kind.kind}/${name}\n`);
  const answer = await context.terminal.prompt(`Delete these ${deletions.length}? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

/** Deletes an object; where deletions are only planned, it lets the server check it. Throws AppError. */
async function remove(
  { kind, name, query, remove }: Deletion,
  planned: PlannedObjects | undefined,
  context: Context,
): Promise<Removed> {
  if (remove) return remove(name, context);
  const client = await context.client();
  const lost = (await (await extensionOf(kind.kind)).lostBy?.(name, planned !== undefined, context)) ?? [];
  let suffix = planned ? " (dry run)" : "";
  try {
    const all = { ...query, ...dryRunQuery(planned !== undefined) };
    await client.call("DELETE", objectPath(kind, name), { query: all, answer: anything });
  } catch (error) {
    const users = planned?.behindDeletion(error);
    if (users === undefined) throw await withNearestName(error, kind, name, client);
    suffix = ` (dry run; not checked to the end, it is used by ${users})`;
  }
  return { line: `${kind.kind} '${name}' deleted${suffix}`, result: "deleted", warnings: lost };
}
