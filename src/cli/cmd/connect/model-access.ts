import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import type { Resource } from "../../../kinds/define.ts";
import type { RoleBinding } from "../../../kinds/grants.ts";
import { kindOf } from "../../../kinds/index.ts";
import { nearest } from "../../../kinds/names.ts";
import { fieldsOf, listOf, Words } from "../../client/answers.ts";
import type { Context } from "../../core/context.ts";

const modelsAnswer = fieldsOf({
  data: Type.Array(Type.Object({ id: Words, context_length: Type.Optional(Type.Integer({ minimum: 1 })) })),
});

/** A model that the user may call. */
export interface RunnableModel {
  /** The name that calls use. */
  name: string;
  /** Tokens of its context, as far as it is known. */
  context?: number;
}

/** Returns the models that the user may call: llms, pools, aliases and personas. */
export async function runnableModels(context: Context): Promise<RunnableModel[]> {
  const client = await context.client();
  const { data } = await client.call("GET", "/v1/models", { answer: modelsAnswer });
  return data.map(({ id, context_length }) => ({
    name: id,
    ...(context_length !== undefined && { context: context_length }),
  }));
}

/**
 * Finds a model that the user may call, by the name of an llm, a pool, an alias or a persona.
 *
 * @param name undefined for the only one that there is; on a terminal the user is asked
 * @throws AppError `not_found` that suggests the nearest; `usage` if there are several and nobody can be asked
 */
export async function findModel(context: Context, name: string | undefined): Promise<RunnableModel> {
  const models = await runnableModels(context);
  const names = models.map((model) => model.name);
  const wanted = name ?? (await chosen(context, names));
  const found = models.find((model) => model.name === wanted || model.name === `agent:${wanted}`);
  if (found) return found;
  const near = nearest(wanted, names);
  throw new AppError("not_found", `there is no llm, pool or persona "${wanted}" that you may run`, {
    hint:
      near === undefined
        ? "to see what there is: mcpctl get llms"
        : `did you mean "${near}"? Run: mcpctl get llms`,
  });
}

async function chosen({ terminal }: Context, names: readonly string[]): Promise<string> {
  const [only] = names;
  if (only === undefined)
    throw new AppError("not_found", "there is no llm that you may run", {
      hint: "to make the first one: mcpctl init",
    });
  if (names.length === 1) return only;
  if (terminal.inIsTerminal) {
    const answer = (await terminal.prompt(`Model (${names.join(", ")}) [${only}]: `)).trim();
    return answer === "" ? only : answer;
  }
  throw new AppError("usage", `there are ${names.length} models; choose one with --llm NAME`, {
    hint: `you may run ${names.slice(0, 20).join(", ")}`,
  });
}

/**
 * Returns the rights that calls of a model need, and no others. Of a pool these are its members of this moment.
 */
export async function rightsOf(context: Context, { name }: RunnableModel): Promise<RoleBinding[]> {
  const run = (resource: "llms" | "agents" | "projects", named: string): RoleBinding => ({
    role: "run",
    resource,
    name: named,
  });
  if (name.startsWith("agent:")) {
    const persona = name.slice("agent:".length);
    const row = (await objectsOf(context, "agent")).find((one) => one.name === persona);
    const project = row?.["project"];
    // Its tools are called with the rights of the caller.
    return [run("agents", persona), ...(typeof project === "string" ? [run("projects", project)] : [])];
  }
  const llms = await objectsOf(context, "llm");
  const members = (test: (llm: Resource) => boolean) => llms.filter(test).map((llm) => run("llms", llm.name));
  const found = [
    members((llm) => llm.name === name),
    members((llm) => llm["poolName"] === name),
    members((llm) => Array.isArray(llm["aliases"]) && llm["aliases"].includes(name)),
  ].find((rights) => rights.length > 0);
  // A caller who may run an llm may not always see it.
  return found ?? [run("llms", name)];
}

/** Returns the objects of a kind that the user may see; none where that is refused. */
async function objectsOf(context: Context, kind: "llm" | "agent"): Promise<Resource[]> {
  const client = await context.client();
  const { plural } = kindOf(kind);
  try {
    return await client.call("GET", `/api/v1/${plural}`, { answer: listOf(kindOf(kind)) });
  } catch (error) {
    if (error instanceof AppError && error.code === "forbidden") return [];
    throw error;
  }
}
