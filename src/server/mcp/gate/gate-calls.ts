import { AppError } from "../../../errors.ts";
import { isName } from "../../../kinds/names.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { indexText } from "./briefing.ts";
import type { GateTask } from "./choose.ts";
import { sliceText } from "./cut-text.ts";
import type { Gate } from "./gate.ts";
import { gatePrompts } from "./gate-prompts.ts";
import type { GateTool } from "./gate-tools.ts";
import type { GateUse } from "./gate-use.ts";

/** A prompt that a model proposes. */
export interface Proposal {
  name: string;
  content: string;
  description: string;
  reason: string;
}

export interface GateCallServices<Use extends GateUse> {
  gate: Gate<Use>;
  snapshot(): Snapshot;
  /** Writes a proposal with the right of the caller. Throws AppError. */
  propose(use: Use, proposal: Proposal): Promise<void>;
}

/** The result of a tool of the gate. */
export interface GateAnswer {
  text: string;
  isError?: true;
}

/** The most bytes that `read_prompts` gives at a time, and the most names that it takes. */
const maxRead = 24 * 1024;
const maxNames = 50;

/** The most characters of a task, and the most tags. */
const maxTask = 4000;
const maxTags = 50;

/** Calls a tool of the gate. Faults in its arguments are results, which models read. */
export async function callGateTool<Use extends GateUse>(
  services: GateCallServices<Use>,
  use: Use,
  tool: GateTool,
  args: unknown,
): Promise<GateAnswer> {
  const given = isObject(args) ? args : {};
  if (tool === "begin_session") return { text: await services.gate.begin(use, taskIn(given)) };
  if (tool === "read_prompts") return readPrompts(services, use, given);
  return propose(services, use, given);
}

/** Returns the task that arguments tell. Models sometimes give a text for a list, or a list for a text. */
export function taskIn({ task, tags }: JsonObject): GateTask {
  const words = [task]
    .flat()
    .filter((one) => typeof one === "string")
    .join(" ");
  const list = (typeof tags === "string" ? tags.split(/[\s,]+/) : Array.isArray(tags) ? tags : [])
    .filter((one): one is string => typeof one === "string" && one !== "")
    .slice(0, maxTags);
  return { task: words.slice(0, maxTask), tags: list.map((one) => one.slice(0, 100)) };
}

/** Returns what the arguments of a call tell about the task: the name of the tool, and all texts in them. */
export function taskOfCall(tool: string, args: unknown): GateTask {
  const words: string[] = [tool];
  let left = maxTask;
  const collect = (value: unknown, depth: number): void => {
    if (left <= 0 || depth > 4) return;
    if (typeof value === "string") {
      words.push(value.slice(0, left));
      left -= value.length;
    } else if (Array.isArray(value)) for (const one of value.slice(0, maxNames)) collect(one, depth + 1);
    else if (isObject(value))
      for (const one of Object.values(value).slice(0, maxNames)) collect(one, depth + 1);
  };
  collect(args, 0);
  return { task: words.join(" ") };
}

async function readPrompts<Use extends GateUse>(
  { gate, snapshot }: GateCallServices<Use>,
  use: Use,
  { names, offset }: JsonObject,
): Promise<GateAnswer> {
  const prompts = gatePrompts(snapshot(), use.project);
  const from = Number.isSafeInteger(offset) && Number(offset) > 0 ? Number(offset) : 0;
  const wanted = [...new Set([names ?? []].flat().filter((one) => typeof one === "string"))];
  if (wanted.length > maxNames)
    return { text: `Ask for at most ${maxNames} prompts at a time.`, isError: true };
  if (wanted.length === 0) {
    if (prompts.length === 0) return { text: `The project "${use.project.name}" has no prompts.` };
    const { text, next } = indexText(prompts, from);
    return { text: next === undefined ? text : `${text}\nGo on with: {"offset": ${next}}` };
  }
  const found = prompts.filter(({ name }) => wanted.includes(name));
  const unknown = wanted.filter((name) => !found.some((one) => one.name === name));
  if (found.length === 0)
    return { text: `There is no prompt ${shown(unknown)}. ${indexText(prompts).text}`, isError: true };
  const texts = await Promise.all(
    found.map(async (prompt) => {
      const linked = await gate.linked(use, prompt);
      return [`## ${prompt.name}`, prompt.content, linked ?? ""].filter((text) => text !== "").join("\n\n");
    }),
  );
  const { text, next } = sliceText(texts.join("\n\n"), from, maxRead);
  const more =
    next === undefined
      ? ""
      : `\n\n[Go on with: ${JSON.stringify({ names: found.map(({ name }) => name), offset: next })}]`;
  const missing = unknown.length > 0 ? `\n\n[There is no prompt ${shown(unknown)}]` : "";
  return { text: text + more + missing };
}

function shown(names: readonly string[]): string {
  return names
    .slice(0, 10)
    .map((name) => JSON.stringify(name.slice(0, 100)))
    .join(", ");
}

async function propose<Use extends GateUse>(
  { propose: write }: GateCallServices<Use>,
  use: Use,
  { name, content, description, reason }: JsonObject,
): Promise<GateAnswer> {
  if (typeof name !== "string" || !isName(name))
    return { text: "name must have lower-case letters, digits and hyphens, 100 at most", isError: true };
  if (typeof content !== "string" || content.trim() === "")
    return { text: "content must be the text of the prompt", isError: true };
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  try {
    await write(use, { name, content, description: text(description), reason: text(reason) });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const taken =
      error.code === "name_taken" ? `a proposal "${name}" waits already; choose another name` : undefined;
    return { text: `Not proposed: ${taken ?? error.message}`, isError: true };
  }
  const { name: project } = use.project;
  return {
    text: `Proposed. It waits for somebody who may decide: mcpctl approve promptrequest ${name} -p ${project}`,
  };
}
