import type { KindInfo, Resource } from "../../kinds/define.ts";
import { getObject, listObjects } from "../client/objects.ts";
import { taskKind } from "../client/task-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { describeTasks } from "../kinds/describe-tasks.ts";
import { extensionOf } from "../kinds/index.ts";
import { resolveTargets } from "../kinds/resolve-kind.ts";
import { describe as describeObject } from "../output/describe.ts";

export const describe = defineVerb({
  meta: {
    name: "describe",
    description: "Show all there is to know about one object",
    about: `Prints the fields of the object and what the server knows besides: the other members of an llm's pool, the
      health of a secret backend, the llm that a project will use. Values that look like credentials are masked.

      The text is for reading and may change with a new version. Programs read "mcpctl get KIND NAME -o json".`,
    usage: "KIND NAME... [flags]",
    examples: [
      ["mcpctl describe llm claude", "Show an llm, its pool and the secret with its API key"],
      ["mcpctl describe project/website", "Name the kind and the object in one word"],
      ["mcpctl describe task tsk_01k…", "Show a task and its answer"],
    ],
  },
  insteadOfOutput: "as data: mcpctl get KIND NAME -o yaml",
  args: {
    kind: { type: "positional" },
    names: { type: "positional", required: false, multiple: true },
  },
  async run(args, context) {
    const targets = await resolveTargets([args.kind, ...args.names], context, [taskKind]);
    const texts: string[] = [];
    for (const { kind, names } of targets) {
      if (kind === taskKind) {
        texts.push(...(await describeTasks(names, context)));
        continue;
      }
      const objects =
        names.length === 0
          ? await listObjects(kind, context)
          : await Promise.all(names.map((name) => getObject(kind, name, context)));
      for (const object of objects) texts.push(await text(kind, object, context));
    }
    if (texts.length === 0) context.terminal.err(`No ${targets[0]!.kind.plural} found.\n`);
    context.terminal.out(texts.join("\n\n"));
  },
});

async function text(kind: KindInfo, object: Resource, context: Context): Promise<string> {
  const { describe } = await extensionOf(kind.kind);
  const entries = (await describe?.(object, context)) ?? {};
  return describeObject(kind, object, entries, context.now(), context.terminal.color);
}
