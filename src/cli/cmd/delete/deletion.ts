import type { KindInfo } from "../../../kinds/define.ts";
import { anything } from "../../client/answers.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import { warn } from "../../core/failure.ts";
import { extensionOf } from "../../kinds/index.ts";

/** One object that will be deleted. */
export interface Deletion {
  kind: KindInfo;
  name: string;
  /** The scope in which its name is looked up. */
  query: Record<string, string | undefined>;
}

/** Shows what will be deleted and asks. */
export async function confirmed(deletions: readonly Deletion[], context: Context): Promise<boolean> {
  for (const { kind, name } of deletions) context.terminal.err(`  ${kind.kind}/${name}\n`);
  const answer = await context.terminal.prompt(`Delete these ${deletions.length}? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

/** Deletes an object and prints a line. Throws AppError. */
export async function remove({ kind, name, query }: Deletion, context: Context): Promise<void> {
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
