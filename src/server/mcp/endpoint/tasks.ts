import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { tasksExtension } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { personalIds } from "../../core/access/policy.ts";
import { type Offered, offerOf } from "../offers/offer.ts";
import type { EndpointServices } from "./endpoint-types.ts";
import type { ClientExchange, WrittenResult } from "./exchange.ts";
import type { Sealer } from "./sealer.ts";

/** Milliseconds for which the id of a task is valid. Servers forget their tasks earlier. */
const idLifetime = 7 * 24 * 60 * 60_000;

/** Handles `tasks/get`, `tasks/update` and `tasks/cancel`. */
export function callTask(exchange: ClientExchange, services: EndpointServices): Promise<WrittenResult> {
  const { caller, params } = exchange;
  const { extensions } = caller.capabilities;
  if (!isObject(extensions) || extensions[tasksExtension] === undefined)
    throw new RpcError(rpcCodes.missingCapability, `the client does not declare ${tasksExtension}`, {
      requiredCapabilities: { extensions: { [tasksExtension]: {} } },
    });
  const found = services.sealer.open(params["taskId"], ownerOf(exchange));
  const offer = offerOf(services.snapshot(), exchange.project);
  // A server that was detached answers for its tasks no more.
  const server = offer.servers.find(({ id }) => id === found?.["server"]);
  if (!found || !server) throw new RpcError(rpcCodes.invalidParams, "there is no such task");
  return services.calls.call(exchange, server, {
    params: { ...params, taskId: found["task"] },
    subject: { task: true },
    mayRepeat: exchange.method === "tasks/get",
    adapt: (result) => (isTask(result) ? { ...result, taskId: params["taskId"] } : result),
    async complete(answer) {
      const { result } = answer;
      if (!isObject(result)) return answer;
      // It is the result of a tool: what must not be read is hidden, and a long one is cut (T232).
      const tool = offer.tools.get(String(found["tool"]));
      const subject = { tool: tool?.name ?? String(found["tool"]) };
      const definition = tool?.server.id === server.id ? tool.definition : undefined;
      const source = { subject, ...(definition && { definition }) };
      return { ...answer, result: await services.calls.refined(exchange, server, source, result) };
    },
  });
}

/** Returns a result in which the id of a task is one that only this principal can use (T163). */
export function withTaskId(
  result: JsonObject,
  exchange: ClientExchange,
  { name, server }: Pick<Offered, "name" | "server">,
  sealer: Sealer,
): JsonObject {
  if (result["resultType"] !== "task" || !isTask(result)) return result;
  const value = { server: server.id, tool: name, task: result["taskId"] };
  return { ...result, taskId: sealer.seal(value, ownerOf(exchange), idLifetime) };
}

function isTask(result: JsonObject): boolean {
  return typeof result["taskId"] === "string";
}

function ownerOf({ caller: { principal }, project }: ClientExchange): string {
  return `task ${personalIds(principal).id} ${project.id}`;
}
