import { AppError } from "../../errors.ts";
import { scopeParameter } from "../../kinds/scopes.ts";
import { assertWrite } from "../../kinds/writes.ts";
import { listObjects, scopeQuery } from "../client/objects.ts";
import { cancelTask, listTasks, taskKind } from "../client/task-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { resolveTargets } from "../kinds/resolve-kind.ts";
import { listThreads, threadKind } from "../kinds/threads.ts";
import { fileArg } from "../manifest/file-arg.ts";
import { resultFormats } from "../manifest/write-result.ts";
import { type Deletion, type Removed, removeAll } from "./delete/deletion.ts";

export const deleteVerb = defineVerb({
  meta: {
    name: "delete",
    description: "Delete objects",
    about: `An object that others still refer to is not deleted: the error names them. With -f the objects that the
      manifests name are deleted, those that refer to others first. On a terminal it asks before it deletes more than
      one object. Threads, your own conversations with personas, are deleted by their ids (mcpctl get threads); tasks and
      batches are cancelled by theirs (mcpctl get tasks).`,
    usage: "(KIND NAME... | KIND/NAME... | -f FILE) [flags]",
    examples: [
      ["mcpctl delete llm claude", "Delete one llm"],
      ["mcpctl delete secret/old llm/old", "Delete objects of several kinds"],
      ["mcpctl delete thread thr_01k…", "Delete one of your conversations with a persona"],
      ["mcpctl delete task tsk_01k…", "Cancel a task"],
      ["mcpctl delete -f catalogue.yaml", "Delete all objects that a file names"],
      ["mcpctl delete user bob --dry-run", "Let the server check it, and delete nothing"],
    ],
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", required: false, writes: "delete" },
    names: { type: "positional", required: false, multiple: true },
    file: fileArg,
    all: { type: "boolean", description: "Delete all objects of the kind" },
    "dry-run": { type: "boolean", description: "Let the server check it, and delete nothing" },
    force: { type: "boolean", description: "Do not ask" },
  },
  async run(args, context) {
    if (args.file.length > 0 && args.kind !== undefined)
      throw new AppError("usage", "give names or -f, not both");
    const deletions =
      args.file.length > 0
        ? await inManifests(args.file, context)
        : await typed([args.kind ?? "", ...args.names], args.all, context);
    for (const { kind } of deletions) assertWrite(kind, "delete");
    const dryRun = args["dry-run"];
    const other = deletions.find(({ kind, remove }) => remove || kind === threadKind);
    if (dryRun && other) throw new AppError("usage", `--dry-run is not possible for ${other.kind.plural}`);
    return removeAll(deletions, { ask: deletions.length > 1 && !args.force, dryRun }, context);
  },
});

async function inManifests(paths: readonly string[], context: Context): Promise<Deletion[]> {
  const { readManifests } = await import("../manifest/read.ts");
  const { inOrder } = await import("../manifest/order.ts");
  // The order of `apply` backwards: objects that refer to others are deleted first.
  return inOrder(await readManifests(paths, context))
    .toReversed()
    .map(({ kind, name, fields }) => ({ kind, name, query: scopeParameter(kind, fields) }));
}

async function typed(words: readonly string[], all: boolean, context: Context): Promise<Deletion[]> {
  if (words[0] === "") throw new AppError("usage", "KIND is missing");
  const targets = await resolveTargets(words, context, [threadKind, taskKind]);
  const deletions: Deletion[] = [];
  for (const { kind, names } of targets) {
    if (names.length === 0 && !all)
      throw new AppError("usage", `the names of the ${kind.plural} are missing`, {
        hint: `write: mcpctl delete ${kind.kind} NAME, or --all for all of them`,
      });
    if (kind === taskKind) {
      const ids = names.length > 0 ? names : (await openTasks(context)).map(({ id }) => id);
      for (const name of ids) deletions.push({ kind, name, query: {}, remove: cancelled });
      continue;
    }
    for (const name of names) deletions.push({ kind, name, query: scopeQuery(kind, context) });
    if (names.length === 0 && kind === threadKind)
      for (const { id } of await listThreads(context)) deletions.push({ kind, name: id, query: {} });
    else if (names.length === 0)
      for (const object of await listObjects(kind, context))
        deletions.push({ kind, name: object.name, query: scopeParameter(kind, object) });
  }
  return deletions;
}

async function openTasks(context: Context) {
  const tasks = await listTasks(await context.client());
  return tasks.filter(({ endedAt }) => endedAt === null);
}

async function cancelled(id: string, context: Context): Promise<Removed> {
  const { status } = await cancelTask(await context.client(), id);
  const isCancelled = status.startsWith("cancel");
  return {
    line: `task '${id}' ${isCancelled ? "cancelled" : `had ended already: it is ${status}`}`,
    result: isCancelled ? "cancelled" : status,
  };
}
