import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { didYouMean } from "../../kinds/names.ts";
import { backoffPause } from "../client/reconnect.ts";
import { type TaskDetails, taskKind } from "../client/task-answers.ts";
import { changesOf } from "../client/watch.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { assertField, assertValue } from "../kinds/field-name.ts";
import { resolveTargets } from "../kinds/resolve-kind.ts";
import { ResultList } from "../manifest/result-list.ts";
import { resultFormat, resultFormats } from "../manifest/write-result.ts";
import { plain } from "../output/cells.ts";
import { valuesAt } from "../output/jsonpath.ts";
import { waitingOn } from "../terminal/progress.ts";
import type { Condition, Wait, WaitReport } from "./wait/condition.ts";
import { reachTasks } from "./wait/tasks.ts";

/** The time limit in milliseconds, unless `--timeout` sets one. */
const defaultTimeout = 30_000;

export const wait = defineVerb({
  meta: {
    name: "wait",
    description: "Wait until objects have a value in a field, or are deleted",
    about: `Prints a line for each object as soon as the condition holds. An object that does not exist yet is waited
      for, so that a script can start an agent and then wait for its llm.

      A task (mcpctl get tasks) is waited for until it is completed, if --for says nothing else. If it ends in another
      way, wait fails at once.

      Gives up after 30 seconds, or after the time of --timeout, and exits with 6.`,
    usage: "KIND/NAME... [--for=FIELD=VALUE|delete] [--timeout 30s]",
    examples: [
      ["mcpctl wait llm/qwen --for=status=active", "Wait until its agent has attached"],
      ["mcpctl wait llm/qwen --for=delete --timeout 5m", "Wait until it is deleted"],
      ["mcpctl wait task/tsk_01k… --timeout 8h", "Wait until a task has its answer"],
    ],
  },
  output: resultFormats,
  args: {
    names: { type: "positional", valueHint: "KIND/NAME", multiple: true },
    for: {
      type: "string",
      valueHint: "FIELD=VALUE|delete",
      complete: "conditions",
      description: "Wait for a value in a field, or for the deletion",
    },
  },
  async run(args, context) {
    const targets = await resolveTargets(args.names, context, [taskKind]);
    const areTasks = targets.every(({ kind }) => kind === taskKind);
    if (args.for === undefined && !areTasks)
      throw new AppError("usage", "--for is missing", { hint: "for example --for=status=active" });
    const condition = parseCondition(args.for ?? "status=completed");
    const nameless = targets.find(({ names }) => names.length === 0);
    if (nameless)
      throw new AppError("usage", `the names of the ${nameless.kind.plural} are missing`, {
        hint: `write ${nameless.kind.kind}/NAME`,
      });
    const { wanted } = condition;
    for (const { kind } of wanted ? targets : []) {
      if (kind !== taskKind) await assertField(wanted!.path, [kind], "--for", context);
      await assertValue(wanted!, [kind], "--for", context);
    }
    const timeout = context.flags.timeout ?? defaultTimeout;
    const deadline = AbortSignal.timeout(timeout);
    const signal = AbortSignal.any([context.signal, deadline]);
    const waits = targets.map(({ kind, names }) => ({ kind, waiting: new Set(names) }));
    const count = waits.reduce((sum, { waiting }) => sum + waiting.size, 0);
    const results = new ResultList(resultFormat(context.flags), count, context.terminal);
    const progress = waitingOn(context, `waiting for ${args.names.join(", ")}`);
    /** Prints an object that meets the condition; undefined stands for one that is deleted. */
    const onMet = ({ kind, waiting }: Wait, name: string, object: Resource | TaskDetails | undefined) => {
      waiting.delete(name);
      progress.erase();
      results.add({ kind, name, object, line: `${kind.kind} '${name}' ${condition.met}` });
    };
    try {
      await Promise.all(
        waits.map((wait) =>
          (wait.kind === taskKind ? reachTasks : reach)(
            wait,
            condition,
            signal,
            { progress, onMet },
            context,
          ),
        ),
      );
    } catch (error) {
      if (!deadline.aborted || context.signal.aborted) throw error;
      const names = waits.flatMap(({ kind, waiting }) => [...waiting].map((name) => `${kind.kind}/${name}`));
      throw new AppError("timed_out", `${names.join(", ")}: ${condition.unmet} after ${timeout / 1000} s`);
    } finally {
      progress.end();
      results.end();
    }
  },
});

function parseCondition(text: string): Condition {
  if (text === "delete")
    return { met: "is deleted", unmet: "not deleted", isMet: (object) => object === undefined };
  const at = text.indexOf("=");
  if (at < 1)
    throw new AppError("usage", `--for: "${text}" is not FIELD=VALUE or delete`, {
      hint: didYouMean(text, ["delete"]) ?? "for example --for=status=active",
    });
  const [path, value] = [text.slice(0, at), text.slice(at + 1)];
  const read = valuesAt(path.startsWith(".") ? path : `.${path}`);
  return {
    met: `has ${path} ${value}`,
    unmet: `not ${path} ${value}`,
    wanted: { path, value },
    isMet: (object) =>
      object !== undefined &&
      read(object).some((one) => (one === null ? value === "null" : plain(one) === value)),
  };
}

/** Follows the objects of one kind until each has met the condition once. */
async function reach(
  wait: Wait,
  condition: Condition,
  signal: AbortSignal,
  { progress, onMet }: WaitReport,
  context: Context,
): Promise<void> {
  const { kind, waiting } = wait;
  const client = await context.client();
  const look = (name: string, object: Resource | undefined) => {
    if (condition.isMet(object)) onMet(wait, name, object);
  };
  /** A name that is not there yet is no fault, unless it is near another one. */
  const warnOfMistyped = (objects: readonly Resource[]) => {
    const known = objects.flatMap(({ id, name }) => [id, name]);
    for (const name of waiting) {
      const near = known.includes(name) ? undefined : didYouMean(name, known);
      if (near === undefined) continue;
      progress.erase();
      warn(context.terminal, `there is no ${kind.kind} "${name}" yet; ${near}`);
    }
  };
  let isFirst = true;
  for await (const changes of changesOf(client, kind, signal, backoffPause)) {
    if (isFirst && condition.wanted) warnOfMistyped(changes.map(({ object }) => object));
    for (const name of [...waiting]) {
      const change = changes.findLast(({ object }) => object.name === name || object.id === name);
      if (change) look(name, change.type === "deleted" ? undefined : change.object);
      else if (isFirst) look(name, undefined);
    }
    isFirst = false;
    if (waiting.size === 0) return;
  }
}
