import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName } from "../../kinds/names.ts";
import { listObjects, objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";

/** `mcpctl admit NAME --pool POOL` */
export const admit = defineVerb({
  meta: {
    name: "admit",
    description: "Let an llm of somebody else join a pool",
    about: `Adds NAME to the field admits of each llm of the pool, or removes it again. Whoever owns the llm called NAME may
      then put it into the pool, where it gets calls of everybody who may run the pool, and reads what they say. You need
      edit on the llms of the pool. Llms of the same owner need no admission.`,
    usage: "NAME --pool POOL [flags]",
    examples: [
      ["mcpctl admit bobs-qwen --pool qwen", "Let bobs-qwen join the pool qwen"],
      ["mcpctl admit bobs-qwen --pool qwen --remove", "Let it join no more; if it has joined, it stays"],
    ],
  },
  args: {
    name: { type: "positional", description: "The name of the llm that may join" },
    pool: { type: "string", valueHint: "POOL", description: "The pool, or an llm that is in none" },
    remove: { type: "boolean", description: "Take the admission back" },
  },
  async run({ name, pool, remove }, context) {
    if (pool === undefined) throw new AppError("usage", "--pool is missing: the pool that it may join");
    if (!isName(name)) throw new AppError("usage", `"${name}" cannot be the name of an llm`);
    const kind = kindOf("llm");
    const members = (await listObjects(kind, context)).filter(
      (llm) => (llm["poolName"] ?? llm.name) === pool,
    );
    if (members.length === 0)
      throw new AppError("not_found", `there is no pool "${pool}"`, { hint: "run: mcpctl get llms -o wide" });
    const client = await context.client();
    for (const { id, name: member, version, admits = [] } of members as (Resource & {
      admits?: string[];
    })[]) {
      const others = admits.filter((one) => one !== name);
      const body = { version, admits: remove ? others : [...others, name] };
      await client.call("PUT", objectPath(kind, id), { body });
      context.terminal.out(`llm '${member}' ${remove ? "no longer admits" : "admits"} '${name}'\n`);
    }
  },
});
