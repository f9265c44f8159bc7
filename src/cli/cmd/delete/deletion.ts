import { AppError } from "../../../errors.ts";
import type { KindInfo } from "../../../kinds/define.ts";
import { anything } from "../../client/answers.ts";
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

/**
 * Deletes objects in their order, and goes on after one that cannot be deleted.
 *
 * @param ask true to ask first, where there is a terminal
 * @returns the exit code
 * @throws AppError if the only one cannot be deleted
 */
export async function removeAll(
  deletions: readonly Deletion[],
  ask: boolean,
  context: Context,
): Promise<number> {
  const { terminal } = context;
  if (ask && terminal.inIsTerminal && !(await confirmed(deletions, context))) {
    terminal.err("Nothing was deleted.\n");
    return 1;
  }
  let exit = 0;
  for (const one of deletions) {
    try {
      await remove(one, context);
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

/** Deletes an object and prints a line. Throws AppError. */
async function remove({ kind, name, query, remove }: Deletion, context: Context): Promise<void> {
  if (remove) {
    const line = await remove(name, context);
    return context.terminal.out(`${context.flags.output === "name" ? `${kind.kind}/${name}` : line}\n`);
  }
  const client = await context.client();
  const lost = (await (await extensionOf(kind.kind)).lostBy?.(name, context)) ?? [];
  try {
    await client.call("DELETE", objectPath(kind, name), { query, answer: anything });
  } catch (error) {
    throw await withNearestName(error, kind, name, client);
  }
  context.terminal.out(
    context.flags.output === "name" ? `${kind.kind}/${name}\n` : `${kind.kind} '${name}' deleted\n`,
  );
  for (const warning of lost) warn(context.terminal, warning);
}
