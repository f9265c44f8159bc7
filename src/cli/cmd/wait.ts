import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { defineVerb } from "../command.ts";
import type { Context } from "../context.ts";
import { resolveTargets, type Target } from "../kind-words.ts";
import { valuesAt } from "../output/jsonpath.ts";
import { backoff, changesOf } from "../watch.ts";

/** How long is waited when `--timeout` does not say, in milliseconds. */
const usualTimeout = 30_000;

export const wait = defineVerb({
  meta: {
    name: "wait",
    description: "Wait until objects are in a state, or gone. What is not there yet is waited for, too",
    usage: "KIND/NAME... --for=FIELD=VALUE|delete [--timeout 30s]",
    examples: [
      ["mcpctl wait llm/qwen --for=status=active", "until its agent answers"],
      ["mcpctl wait llm/qwen --for=delete --timeout 5m", "until it is gone"],
    ],
    notes: "Ends with 6 when the time is over: 30 s, or what --timeout says.",
  },
  args: {
    names: { type: "positional", multiple: true },
    for: {
      type: "string",
      required: true,
      valueHint: "FIELD=VALUE|delete",
      description: "What to wait for: a field with a value, or that it is gone",
    },
  },
  async run(args, context) {
    const condition = parseCondition(args.for);
    const targets = await resolveTargets(args.names, context);
    const nameless = targets.find(({ names }) => names.length === 0);
    if (nameless)
      throw new AppError("usage", `which ${nameless.kind.plural}?`, {
        hint: `write ${nameless.kind.kind}/NAME`,
      });
    const timeout = context.flags.timeout ?? usualTimeout;
    const late = AbortSignal.timeout(timeout);
    const signal = AbortSignal.any([context.signal, late]);
    try {
      await Promise.all(targets.map((target) => reach(target, condition, signal, context)));
    } catch (error) {
      if (!late.aborted || context.signal.aborted) throw error;
      const names = targets.flatMap(({ kind, names }) => names.map((name) => `${kind.kind}/${name}`));
      throw new AppError("timed_out", `${names.join(", ")}: not ${condition.text} after ${timeout / 1000} s`);
    }
  },
});

interface Condition {
  text: string;
  /** @param object undefined when it is not there */
  isMet(object: Resource | undefined): boolean;
}

function parseCondition(text: string): Condition {
  if (text === "delete") return { text: "gone", isMet: (object) => object === undefined };
  const at = text.indexOf("=");
  if (at < 1)
    throw new AppError("usage", `--for: "${text}" is neither FIELD=VALUE nor delete`, {
      hint: "for example --for=status=active",
    });
  const [path, value] = [text.slice(0, at), text.slice(at + 1)];
  const read = valuesAt(path.startsWith(".") ? path : `.${path}`);
  return {
    text: `${path} ${value}`,
    isMet: (object) => object !== undefined && read(object).some((one) => String(one) === value),
  };
}

/** Follows the objects of one kind until each has been in the state once. */
async function reach(
  { kind, names }: Target,
  condition: Condition,
  signal: AbortSignal,
  context: Context,
): Promise<void> {
  const client = await context.client();
  const waiting = new Set(names);
  const look = (name: string, object: Resource | undefined) => {
    if (!condition.isMet(object)) return;
    waiting.delete(name);
    context.terminal.out(`${kind.kind} '${name}' is ${condition.text}\n`);
  };
  let isFirst = true;
  for await (const changes of changesOf(client, kind, signal, backoff)) {
    for (const name of [...waiting]) {
      const change = changes.findLast(({ object }) => object.name === name || object.id === name);
      if (change) look(name, change.type === "deleted" ? undefined : change.object);
      else if (isFirst) look(name, undefined);
    }
    isFirst = false;
    if (waiting.size === 0) return;
  }
}
