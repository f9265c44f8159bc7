import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { plainField } from "../../../wire/field-case.ts";

/** Fields of params, in lower case, by which the endpoint decides what a server is asked for. */
const decisive: ReadonlySet<string> = new Set([
  "_meta",
  "argument",
  "arguments",
  "context",
  "cursor",
  "inputresponses",
  "level",
  "name",
  "ref",
  "requeststate",
  "task",
  "taskid",
  "uri",
]);

/** The fields that are written with a capital. */
const spelled = new Map(
  ["inputResponses", "requestState", "taskId"].map((name) => [name.toLowerCase(), name]),
);

const ofReference: ReadonlySet<string> = new Set(["name", "type", "uri"]);

/**
 * Refuses params with a field such as `Name` or `URI`. MCP servers written in Go take it for the real one: they would call
 * another tool, or read another resource or task, than the endpoint has allowed (T265).
 *
 * @throws RpcError that names the field
 */
export function refuseParamsInOtherCase(params: JsonObject): void {
  check(params, decisive);
  const { ref } = params;
  if (isObject(ref)) check(ref, ofReference);
}

function check(object: JsonObject, known: ReadonlySet<string>): void {
  for (const key of Object.keys(object)) {
    const plain = plainField(key, known);
    if (plain === undefined) continue;
    const meant = spelled.get(plain) ?? plain;
    if (key === meant) continue;
    throw new RpcError(rpcCodes.invalidParams, `unknown field "${key}"; did you mean "${meant}"?`);
  }
}
