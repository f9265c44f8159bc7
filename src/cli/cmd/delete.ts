import { AppError } from "../../errors.ts";
import type { KindInfo } from "../../kinds/define.ts";
import { assertWrite } from "../../kinds/writes.ts";
import { listObjects, objectPath, scopeQuery, withNearestName } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { reportFailure } from "../core/failure.ts";
import { resolveTargets } from "../kinds/resolve-kind.ts";

/** One row that is to go. */
interface Doomed {
  kind: KindInfo;
  name: string;
  /** Where a scoped name is looked up. */
  query: Record<string, string | undefined>;
}

export const deleteVerb = defineVerb({
  meta: {
    name: "delete",
    description: "Delete objects",
    about: `An object that others still refer to is not deleted: the error names them. With -f the objects that the
      manifests name are deleted, those that refer to others first. On a terminal it asks before it deletes more than
      one object.`,
    usage: "(KIND NAME... | KIND/NAME... | -f FILE) [flags]",
    examples: [
      ["mcpctl delete llm claude", "Delete one llm"],
      ["mcpctl delete secret/old llm/old", "Delete objects of several kinds"],
      ["mcpctl delete -f catalogue.yaml", "Delete all objects that a file names"],
    ],
  },
  args: {
    kind: { type: "positional", required: false, writes: "delete" },
    names: { type: "positional", required: false, multiple: true },
    file: {
      type: "string",
      alias: "f",
      multiple: true,
      valueHint: "FILE",
      description: "Manifest, folder or -",
    },
    all: { type: "boolean", description: "Every object of the kind" },
    force: { type: "boolean", description: "Do not ask" },
  },
  async run(args, context) {
    if (args.file.length > 0 && args.kind !== undefined)
      throw new AppError("usage", "names and -f do not go together");
    const doomed =
      args.file.length > 0
        ? await inManifests(args.file, context)
        : await typed([args.kind ?? "", ...args.names], args.all, context);
    for (const { kind } of doomed) assertWrite(kind, "delete");
    if (
      doomed.length > 1 &&
      !args.force &&
      context.terminal.inIsTerminal &&
      !(await confirmed(doomed, context))
    ) {
      context.terminal.err("nothing was deleted\n");
      return 1;
    }
    let exit = 0;
    for (const one of doomed) {
      try {
        await remove(one, context);
      } catch (error) {
        if (doomed.length === 1 || !(error instanceof AppError)) throw error;
        exit = Math.max(exit, reportFailure(error, context.terminal, context.flags.verbose));
      }
    }
    return exit;
  },
});

async function inManifests(paths: readonly string[], context: Context): Promise<Doomed[]> {
  const { readManifests } = await import("../manifest/read.ts");
  const { inOrder } = await import("../manifest/order.ts");
  // Backwards through the order in which `apply` creates: what refers goes before what is referred to.
  return inOrder(await readManifests(paths, context))
    .toReversed()
    .map(({ kind, name, fields }) => ({ kind, name, query: scopeIn(kind, fields) }));
}

/** The scope an object says it is in, as a query. */
function scopeIn({ scopedBy }: KindInfo, fields: Readonly<Record<string, unknown>>): Doomed["query"] {
  const scope = scopedBy === undefined ? undefined : fields[scopedBy];
  return typeof scope === "string" ? { [scopedBy!]: scope } : {};
}

async function typed(words: readonly string[], all: boolean, context: Context): Promise<Doomed[]> {
  if (words[0] === "") throw new AppError("usage", "KIND is missing");
  const targets = await resolveTargets(words, context);
  const doomed: Doomed[] = [];
  for (const { kind, names } of targets) {
    if (names.length === 0 && !all)
      throw new AppError("usage", `which ${kind.plural}?`, {
        hint: `mcpctl delete ${kind.kind} NAME, or --all for every one`,
      });
    for (const name of names) doomed.push({ kind, name, query: scopeQuery(kind, context) });
    if (names.length === 0)
      for (const object of await listObjects(kind, context))
        doomed.push({ kind, name: object.name, query: scopeIn(kind, object) });
  }
  return doomed;
}

async function confirmed(doomed: readonly Doomed[], context: Context): Promise<boolean> {
  for (const { kind, name } of doomed) context.terminal.err(`  ${kind.kind}/${name}\n`);
  const answer = await context.terminal.prompt(`Delete these ${doomed.length}? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

async function remove({ kind, name, query }: Doomed, context: Context): Promise<void> {
  const client = await context.client();
  try {
    await client.call("DELETE", objectPath(kind, name), { query });
  } catch (error) {
    throw await withNearestName(error, kind, name, client);
  }
  context.terminal.out(
    context.flags.output === "name" ? `${kind.kind}/${name}\n` : `${kind.kind} '${name}' deleted\n`,
  );
}
