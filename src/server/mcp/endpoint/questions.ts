import type { EndSignal } from "../../../end-signal.ts";
import { isObject, type JsonObject, type RpcRequest } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { ClientExchange } from "./exchange.ts";

/** Asks a model of the project for a completion, for a client that cannot. Throws RpcError if it cannot either. */
export type ClientSampler = (
  exchange: Pick<ClientExchange, "caller" | "project" | "requestId">,
  params: JsonObject,
  signal: EndSignal,
) => Promise<JsonObject>;

/** The requests that a server may send to a client, with the capability that each needs. */
const capabilityOf: Readonly<Record<string, string>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
};

/** The capabilities of a client that a server is told of: those that its questions need, and extensions. */
export function capabilitiesFor({ caller, project, era }: ClientExchange): JsonObject {
  const { sampling, elicitation, roots, extensions } = caller.capabilities;
  const isSampled = project.spec.sampling !== "deny" && sampling !== undefined;
  return {
    ...(elicitation !== undefined && { elicitation }),
    ...(roots !== undefined && { roots }),
    ...(isSampled ? { sampling } : project.spec.sampling === "llm" && { sampling: {} }),
    // Extensions belong to the modern era only.
    ...(era === "modern" && extensions !== undefined && { extensions }),
  };
}

/** Returns true if the project's llm answers a request of a server instead of the client. */
export function isForLlm({ method }: { method: string }, { caller, project }: ClientExchange): boolean {
  return (
    method === "sampling/createMessage" &&
    project.spec.sampling === "llm" &&
    caller.capabilities["sampling"] === undefined
  );
}

/** Refuses a request of a server that its client does not support, or that the project does not allow. */
export function checkQuestion(
  { method, params = {} }: Pick<RpcRequest, "method" | "params">,
  { caller: { capabilities }, project }: ClientExchange,
): void {
  const name = Object.hasOwn(capabilityOf, method) ? capabilityOf[method] : undefined;
  if (name === undefined)
    throw new RpcError(rpcCodes.methodNotFound, `the method ${method.slice(0, 100)} is not known`);
  if (name === "sampling" && project.spec.sampling === "deny")
    throw new RpcError(rpcCodes.invalidRequest, `project ${project.name} does not allow sampling`);
  const capability = capabilities[name];
  if (capability === undefined)
    throw new RpcError(rpcCodes.methodNotFound, `the client does not support ${name}`);
  const part = partOf(method, params);
  if (part !== undefined && !(isObject(capability) && capability[part] !== undefined))
    throw new RpcError(rpcCodes.invalidParams, `the client does not support ${name} with ${part}`);
  if (part === "url") checkPage(params["url"]);
}

/** Refuses an address that is no web page: clients may hand it to whatever opens such addresses (T320). */
export function checkPage(url: unknown): void {
  const page = typeof url === "string" ? URL.parse(url) : null;
  if (page?.protocol === "https:" || page?.protocol === "http:") return;
  throw new RpcError(
    rpcCodes.invalidParams,
    "the server wants an address opened that is not one of a web page",
  );
}

/** Returns the part of a capability that a request needs besides the capability itself. */
function partOf(method: string, params: JsonObject): string | undefined {
  if (method === "elicitation/create" && params["mode"] === "url") return "url";
  if (method === "sampling/createMessage" && params["tools"] !== undefined) return "tools";
  return undefined;
}
