import { isObject } from "../../../wire/json.ts";
import { type Fields, isGiven } from "../request-fields.ts";

/** A call in the history that is no function call, as the function call that says the same, and its result. */
export interface HostedCall {
  id: string;
  name: string;
  arguments: string;
  /** Undefined where the result is an item of its own. */
  result?: string;
}

/** Fields of a call that say nothing to a model. */
const silent = [
  "type",
  "id",
  "call_id",
  "status",
  "output",
  "outputs",
  "results",
  "error",
  "result",
  "acknowledged_safety_checks",
];

/**
 * Returns the call of an item whose tool runs at OpenAI or has a type of its own there: `local_shell_call`,
 * `computer_call`, `mcp_call`, `code_interpreter_call`. Returns undefined for an item that is no call, and for one that
 * says nothing without OpenAI, such as a search of the web, whose results are not in it.
 */
export function hostedCall(item: Fields): HostedCall | undefined {
  const { type, id, call_id } = item;
  if (typeof type !== "string" || !type.endsWith("_call")) return undefined;
  const callId = typeof call_id === "string" ? call_id : id;
  if (typeof callId !== "string" || callId === "") return undefined;
  const own = Object.fromEntries(Object.entries(item).filter(([name]) => !silent.includes(name)));
  const name =
    type === "mcp_call" && typeof item.name === "string" ? item.name : type.slice(0, -"_call".length);
  const args =
    type === "mcp_call" && typeof item.arguments === "string" ? item.arguments : JSON.stringify(own);
  const call = { id: callId, name, arguments: args };
  if (typeof call_id === "string") return call;
  const result = [item.output, item.outputs, item.results, item.error].find(isGiven);
  return result === undefined ? undefined : { ...call, result: wordsOf(result) };
}

/**
 * Returns the id of the call of a result that is no function call's: `local_shell_call_output`, which has it as its `id`.
 * Returns undefined for every other item.
 */
export function hostedResultId({ type, call_id, id }: Fields): string | undefined {
  if (typeof type !== "string" || !type.endsWith("_output")) return undefined;
  return [call_id, id].find((one) => typeof one === "string") as string | undefined;
}

/** Returns a result in words. */
export function wordsOf(result: unknown): string {
  if (typeof result === "string") return result;
  if (Array.isArray(result)) return result.map(wordsOf).filter(Boolean).join("\n");
  if (!isObject(result)) return isGiven(result) ? String(result) : "";
  if (typeof result.text === "string") return result.text;
  if (typeof result.image_url === "string") return "[an image]";
  return JSON.stringify(result);
}
