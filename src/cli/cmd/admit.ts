import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { didYouMean, isName } from "../../kinds/names.ts";
import { objectOf } from "../client/answers.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { listObjects, objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import { warn } from "../core/failure.ts";
import { dryRunArg } from "../manifest/dry-run-arg.ts";
import { ResultList } from "../manifest/result-list.ts";
import { resultFormat, resultFormats } from "../manifest/write-result.ts";

/** `mcpctl admit NAME --pool POOL` */
export const admit = defineVerb({
  meta: {
    name: "admit",
    description: "Let the llm of another user join a pool",
    about: `Adds NAME to the field admits of each llm in the pool, or removes it with --remove. The owner of the llm NAME can then
      put it into the pool. It receives calls of all users who may run the pool, so its owner can read their prompts. You
      need the role edit on the llms of the pool. Llms of the same owner need no admission.`,
    usage: "NAME --pool POOL [flags]",
    examples: [
      ["mcpctl admit bobs-qwen --pool qwen", "Let bobs-qwen join the pool qwen"],
      ["mcpctl admit bobs-qwen --pool qwen --remove", "Admit it no longer; an llm that has joined stays"],
    ],
  },
  output: resultFormats,
  args: {
    name: { type: "positional", description: "The name of the llm that may join" },
    pool: { type: "string", valueHint: "POOL", description: "The pool, or an llm without a pool" },
    remove: { type: "boolean", description: "Admit it no longer" },
    "dry-run": dryRunArg,
  },
  async run({ name, pool, remove, "dry-run": dryRun }, context) {
    if (pool === undefined) throw new AppError("usage", "--pool is missing");
    if (!isName(name)) throw new AppError("usage", `"${name}" cannot be the name of an llm`);
    const kind = kindOf("llm");
    const all = await listObjects(kind, context);
    const poolOf = (llm: Resource) => String(llm["poolName"] ?? llm.name);
    const members = all.filter((llm) => poolOf(llm) === pool);
    if (members.length === 0)
      throw new AppError("not_found", `pool "${pool}" not found`, {
        hint: didYouMean(pool, all.map(poolOf)) ?? "to see all pools: mcpctl get llms -o wide",
      });
    const names = all.map((llm) => llm.name);
    // It may be one that only its owner sees, or be made later.
    const near = remove || names.includes(name) ? undefined : didYouMean(name, names);
    if (near !== undefined) warn(context.terminal, `you see no llm "${name}" now; ${near}`);
    const client = await context.client();
    const results = new ResultList(resultFormat(context.flags), members.length, context.terminal);
    for (const { id, name: member, version, admits = [] } of members as (Resource & {
      admits?: string[];
    })[]) {
      const others = admits.filter((one) => one !== name);
      const body = { version, admits: remove ? others : [...others, name] };
      const query = dryRunQuery(dryRun);
      const object = await client.call("PUT", objectPath(kind, id), { query, body, answer: objectOf(kind) });
      const line = `llm '${member}' ${remove ? "no longer admits" : "admits"} '${name}'`;
      results.add({ kind, name: member, object, line: `${line}${dryRun ? " (dry run)" : ""}` });
    }
    results.end();
  },
});
