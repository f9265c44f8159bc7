import { AppError } from "../../../errors.ts";
import type { KindInfo } from "../../../kinds/define.ts";
import { anything } from "../../client/answers.ts";
import { dryRunQuery, PlannedObjects } from "../../client/dry-run.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure, warn } from "../../core/failure.ts";
import { extensionOf } from "../../kinds/index.ts";

/** One object that will be deleted. */
export interface Deletion {
  kind: KindInfo;
  name: string;
  /** The scope in which its name is looked up. */
  query: Record<string, string | undefined>;
  /** Deletes what is no object of a kind, and returns the line to print. */
  remove?(name: string, context: Context): Promise<string>;
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
  if (ask && !dryRun && terminal.inIsTerminal && !(await confirmed(deletions, context))) {
    terminal.err("Nothing was deleted.\n");
    return 1;
  }
  let exit = 0;
  const planned = dryRun ? new PlannedObjects() : undefined;
  for (const one of changed) planned?.add(one);
  for (const one of deletions) {
    try {
      await remove(one, planned, context);
      planned?.add(one);
    } catch (error) {
      if (deletions.length === 1 || !(error instanceof AppError)) throw error;
      exit = Math.max(exit, reportFailure(error, terminal, context.flags.verbose));
    }
  }
  return exit;
}

/** Shows what will be deleted and asks. */
async function confirmed(deletions: readonly Deletion[], context: Context): Promise<boolean> {
  for (const { kind, name } of deletions) context.terminal.err(`  ${kind.kind}/${name}\n`);
  const answer = await context.terminal.prompt(`Delete these ${deletions.length}? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

/** Deletes an object and prints a line; where deletions are only planned, it lets the server check it. Throws AppError. */
async function remove(
  { kind, name, query, remove }: Deletion,
  planned: PlannedObjects | undefined,
  context: Context,
): Promise<void> {
  if (remove) {
    const line = await remove(name, context);
    return context.terminal.out(`${context.flags.output === "name" ? `${kind.kind}/${name}` : line}\n`);
  }
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
  context.terminal.out(
    context.flags.output === "name" ? `${kind.kind}/${name}\n` : `${kind.kind} '${name}' deleted${suffix}\n`,
  );
  for (const warning of lost) warn(context.terminal, warning);
}
