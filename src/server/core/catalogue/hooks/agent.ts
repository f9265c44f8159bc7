import { AppError } from "../../../../errors.ts";
import { unknownField } from "../../../../kinds/validate.ts";
import { isObject } from "../../../../wire/json.ts";
import { decide, isVisible } from "../../access/policy.ts";
import { userPrincipal } from "../../access/principals.ts";
import type { LlmRow, PersonaRow } from "../../store/typed-rows.ts";
import type { Draft, Hooks, View } from "../hooks.ts";
import { inScope } from "../scopes.ts";

export const agentHooks: Hooks<PersonaRow> = {
  prepare(draft) {
    draft.faults.push(...faultsInParams(draft.row.spec.defaultParams));
    checkRight(draft);
    checkProject(draft);
    checkPublished(draft);
    if (!draft.before) draft.row.status = { origin: "static" };
  },
  /** Deletes its prompts, too. */
  remove({ row, snapshot, writeFirst }) {
    for (const { id, version } of inScope(snapshot, "prompt", `agent:${row.name}`))
      writeFirst.push({ op: "delete", id, version });
  },
  status: (row, view) => ({ origin: row.status.origin, status: statusOfLlm(row, view) }),
  /** A public persona may have a private llm, whose name is hidden from others. */
  hidden: (row, view) => (seenLlm(row, view) ? [] : ["llm"]),
};

/** Refuses changes to a virtual persona: the next registration of its workstation agent would undo them. */
function checkPublished({ before, given, faults }: Draft<PersonaRow>): void {
  if (before?.status.origin !== "virtual") return;
  for (const field of ["llm", "systemPrompt", "defaultParams"])
    if (field in given)
      faults.push({ path: `/${field}`, message: "is set by the workstation agent that publishes it" });
}

/**
 * Checks the right to the llm. Calls of a persona use its owner's right to run the llm, so that the owner would give
 * others that right: both choosing the llm and making the persona public need `run` on it.
 */
function checkRight({ principal, snapshot, before, row, sent }: Draft<PersonaRow>): void {
  const name = row.spec.llm;
  const llm = snapshot.named("llm", name);
  // Sending the name of the present llm is a choice for callers who cannot see it: they have guessed it (T118).
  const guesses = sent("llm") && !(llm && isVisible(principal, "llms", llm));
  const chooses = guesses || before?.spec.llm !== name;
  const opens = before?.visibility === "private" && row.visibility === "public";
  if (!chooses && !opens) return;
  const decision = decide(principal, "run", "llms", name, llm);
  // A hidden llm is refused later, when references are resolved, in the same words as a missing one.
  if (decision === "allow" || (chooses && decision === "hidden")) return;
  throw new AppError(
    "forbidden",
    chooses ? `you may not run llm "${name}"` : "making it public needs run on its llm",
  );
}

/**
 * Checks the right to the project. The prompt and the model of the persona lead calls of the project's tools, so that
 * choosing the project or the llm, and changing the prompt, need `run` on it (T215). A workstation agent publishes a persona for its principal, whose
 * right is checked at each call.
 */
function checkProject({ principal, snapshot, before, row }: Draft<PersonaRow>): void {
  const name = row.spec.project;
  const isSame = (["project", "systemPrompt", "llm"] as const).every(
    (field) => before?.spec[field] === row.spec[field],
  );
  if (name === undefined || isSame || row.status.origin === "virtual") return;
  const project = snapshot.named("project", name);
  // A missing one is refused later, when references are resolved.
  if (!project || decide(principal, "run", "projects", name, project) === "allow") return;
  throw new AppError("forbidden", `you may not run project "${name}", whose tools the agent uses`);
}

function seenLlm(row: PersonaRow, { principal, snapshot }: View): LlmRow | undefined {
  const llm = snapshot.named("llm", row.spec.llm);
  return llm && isVisible(principal, "llms", llm) ? llm : undefined;
}

/** Returns the status of the llm; `inactive` if the owner may not run it; null if the llm is hidden from the reader. */
function statusOfLlm(row: PersonaRow, view: View): unknown {
  const llm = seenLlm(row, view);
  if (!llm) return null;
  const owner = userPrincipal(view.snapshot, row.owner);
  const may = owner && decide(owner, "run", "llms", llm.name, llm) === "allow";
  return may ? llm.status.status : "inactive";
}

const isNumber = (least: number, most: number) => (value: unknown) =>
  typeof value === "number" && value >= least && value <= most;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const isText = (value: unknown) => typeof value === "string" && value !== "";
const isStop = (value: unknown) =>
  isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText));

/** Fields of a chat completion that can have a default, each with a check and the values it takes. */
const params: Readonly<Record<string, readonly [isRight: (value: unknown) => boolean, takes: string]>> = {
  temperature: [isNumber(0, 2), "a number from 0 to 2"],
  top_p: [isNumber(0, 1), "a number from 0 to 1"],
  max_tokens: [isCount, "a whole number of at least 1"],
  max_completion_tokens: [isCount, "a whole number of at least 1"],
  stop: [isStop, "a string or a list of strings"],
  seed: [Number.isSafeInteger, "a whole number"],
  presence_penalty: [isNumber(-2, 2), "a number from -2 to 2"],
  frequency_penalty: [isNumber(-2, 2), "a number from -2 to 2"],
  reasoning_effort: [isText, "a word such as low, medium or high"],
  response_format: [isObject, "an object"],
  verbosity: [isText, "a word such as low, medium or high"],
};

/** Fields that each request sets itself. */
const requestOnly = ["messages", "model", "stream", "stream_options", "tools", "n"];

/** Returns the faults in the default parameters of a persona. */
export function faultsInParams(
  given: Readonly<Record<string, unknown>>,
): { path: string; message: string }[] {
  const faults = Object.entries(given).flatMap(([name, value]) => {
    const path = `/defaultParams/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (requestOnly.includes(name))
      return [{ path, message: "is set by each request, not by defaultParams" }];
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (!param) return [{ path, message: unknownField(`/${name}`, Object.keys(params)) }];
    return param[0](value) ? [] : [{ path, message: `must be ${param[1]}` }];
  });
  if ("max_tokens" in given && "max_completion_tokens" in given)
    faults.push({
      path: "/defaultParams/max_tokens",
      message: "means the same as max_completion_tokens; set one of them",
    });
  return faults;
}
