import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { paramHeaderFault, paramHeaders } from "../../../mcp/param-headers.ts";
import type { Era } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { takePartRequest } from "../content/part-request.ts";
import { isGateTool } from "../gate/gate-tools.ts";
import { type AgentTool, agentTools, askNames } from "../offers/agent-tools.ts";
import { type HiddenTool, type Offer, type Offered, offerOf } from "../offers/offer.ts";
import { schemaFacts } from "../offers/schema-faults.ts";
import type { CallSubject } from "./call-event.ts";
import type { EndpointServices } from "./endpoint-types.ts";
import type { ClientExchange, WrittenResult } from "./exchange.ts";
import { briefed, callOfGate, getOwnPrompt } from "./gated.ts";
import { discovered } from "./greeting.ts";
import { lister } from "./lists.ts";
import { isLogLevel } from "./log-levels.ts";
import { callForPart, readPartAsResource } from "./part-calls.ts";
import { readResult, resourceAt, withOfferedUris } from "./resources.ts";
import { callTask, withTaskId } from "./tasks.ts";

type Result = JsonObject | WrittenResult;

interface Method {
  /** The era that has the method; undefined if both have it. */
  era?: Era;
  handle(exchange: ClientExchange, services: EndpointServices): Result | Promise<Result>;
}

/** The most subscriptions to resources of one session. */
const maxSubscriptions = 200;

/** Handlers by method. */
export const methods: Readonly<Record<string, Method>> = {
  ping: { era: "legacy", handle: () => ({}) },
  "server/discover": {
    era: "modern",
    handle: ({ project }, { gate }) => discovered(project, gate.firstCall(project)),
  },
  "tools/list": { handle: lister("tools") },
  "prompts/list": { handle: lister("prompts") },
  "resources/list": { handle: lister("resources") },
  "resources/templates/list": { handle: lister("resourceTemplates") },
  "tools/call": { handle: callTool },
  "prompts/get": { handle: getPrompt },
  "resources/read": { handle: readResource },
  "completion/complete": { handle: complete },
  "logging/setLevel": { era: "legacy", handle: setLevel },
  "resources/subscribe": { era: "legacy", handle: subscribe },
  "resources/unsubscribe": { era: "legacy", handle: unsubscribe },
  "tasks/get": { era: "modern", handle: callTask },
  "tasks/update": { era: "modern", handle: callTask },
  "tasks/cancel": { era: "modern", handle: callTask },
};

function offered({ project }: ClientExchange, { snapshot }: EndpointServices): Offer {
  return offerOf(snapshot(), project);
}

function callTool(exchange: ClientExchange, services: EndpointServices): Promise<Result> {
  const { params, era, headers } = exchange;
  const offer = offered(exchange, services);
  const name = textIn(params, "name");
  if (offer.hasGate && isGateTool(name)) return callOfGate(exchange, services, name);
  const agent = agentTool(exchange, services, name);
  if (agent)
    return briefed(exchange, services, name, false, (complete) =>
      services.agentCalls.call(exchange, agent, complete),
    );
  const tool = offer.tools.get(name);
  if (!tool) {
    const hidden = offer.hidden.find((one) => one.name === name);
    return refuse(exchange, services, { tool: name }, notOffered(name, hidden), hidden?.server);
  }
  const { definition, server } = tool;
  const declared = schemaFacts(definition).headers;
  if (declared.length > 0 && era === "modern") {
    const fault = paramHeaderFault(declared, params["arguments"], headers);
    if (fault !== undefined) throw new RpcError(rpcCodes.headerMismatch, fault);
  }
  const given = params["arguments"];
  const { request, rest } = offer.cuts ? takePartRequest(definition["inputSchema"], given) : { rest: given };
  if (request) return callForPart(exchange, tool, request, services.calls, services.parts);
  const annotations = isObject(definition["annotations"]) ? definition["annotations"] : {};
  const isStructured = definition["outputSchema"] !== undefined;
  return briefed(exchange, services, name, isStructured, (complete) =>
    services.calls.call(exchange, server, {
      ...(complete && { complete }),
      // Some clients leave `arguments` out, and some servers refuse that.
      params: { ...params, name: tool.original, arguments: rest ?? {} },
      ...(declared.length > 0 && { headers: paramHeaders(declared, given) }),
      subject: { tool: tool.name },
      definition,
      mayRepeat: annotations["readOnlyHint"] === true || annotations["idempotentHint"] === true,
      adapt: (result) => withTaskId(withOfferedUris(result, offer, server), exchange, tool, services.sealer),
    }),
  );
}

/** Returns the persona that a tool asks; undefined if it asks none, or none that the caller may run. */
function agentTool(
  { project, caller }: ClientExchange,
  { snapshot }: EndpointServices,
  name: string,
): AgentTool | undefined {
  if (!askNames(project).has(name)) return undefined;
  return agentTools(snapshot(), project, caller.principal).find((tool) => tool.name === name);
}

function getPrompt(exchange: ClientExchange, services: EndpointServices): Promise<Result> {
  const { params } = exchange;
  const offer = offered(exchange, services);
  const name = textIn(params, "name");
  const own = offer.ownPrompts.get(name);
  if (own) return getOwnPrompt(exchange, services, name, own);
  const prompt = offer.prompts.get(name);
  if (!prompt) return refuse(exchange, services, { prompt: name }, noPrompt(name));
  return services.calls.call(exchange, prompt.server, {
    params: { ...params, name: prompt.original },
    subject: { prompt: prompt.name },
    mayRepeat: true,
  });
}

async function readResource(exchange: ClientExchange, services: EndpointServices): Promise<Result> {
  const { params } = exchange;
  const uri = textIn(params, "uri");
  const offer = offered(exchange, services);
  const { calls, parts } = services;
  const part = offer.cuts && (await readPartAsResource(exchange, uri, offer, calls, parts));
  if (part) return part;
  const found = resourceAt(offer, uri);
  if (!found) return refuse(exchange, services, { uri }, noResource(uri));
  return calls.call(exchange, found.server, {
    params: { ...params, uri: found.original },
    subject: { uri },
    mayRepeat: true,
    adapt: (result) => withOfferedUris(readResult(result, uri, found.original), offer, found.server),
  });
}

/** Completes an argument of a prompt or of a template of resources. A server that cannot has no suggestions. */
async function complete(exchange: ClientExchange, services: EndpointServices): Promise<Result> {
  const { params } = exchange;
  const offer = offered(exchange, services);
  const ref = isObject(params["ref"]) ? params["ref"] : {};
  const isPrompt = ref["type"] === "ref/prompt";
  const name = textIn(ref, isPrompt ? "name" : "uri");
  if (isPrompt && offer.ownPrompts.has(name)) return noSuggestions(exchange);
  const found = isPrompt
    ? promptOf(offer, name)
    : (offer.resourceTemplates.get(name) ?? resourceOf(offer, name));
  const { original } = found;
  try {
    return await services.calls.call(exchange, found.server, {
      params: { ...params, ref: { ...ref, ...(isPrompt ? { name: original } : { uri: original }) } },
      subject: isPrompt ? { prompt: name } : { uri: name },
      mayRepeat: true,
    });
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== rpcCodes.methodNotFound) throw error;
    return noSuggestions(exchange);
  }
}

function noSuggestions({ era }: ClientExchange): JsonObject {
  return { ...(era === "modern" && { resultType: "complete" }), completion: { values: [], hasMore: false } };
}

function setLevel({ params, session }: ClientExchange): JsonObject {
  const { level } = params;
  if (!isLogLevel(level)) throw new RpcError(rpcCodes.invalidParams, "there is no such level");
  if (session) session.logLevel = level;
  return {};
}

async function subscribe(exchange: ClientExchange, services: EndpointServices): Promise<Result> {
  const { session, params } = exchange;
  const uri = textIn(params, "uri");
  if (!session || session.subscriptions.has(uri)) return {};
  if (session.subscriptions.size >= maxSubscriptions)
    throw new RpcError(rpcCodes.invalidRequest, `a session may follow at most ${maxSubscriptions} resources`);
  const found = resourceOf(offered(exchange, services), uri);
  // It may reach the server, and so counts as a call (T302).
  return services.calls.answer(exchange, found.server, { uri }, async () => {
    await services.watches.follow(session, uri, found, exchange);
    return {};
  });
}

function unsubscribe({ session, params }: ClientExchange): JsonObject {
  session?.subscriptions.get(textIn(params, "uri"))?.();
  return {};
}

/** Returns a text of the params. Throws RpcError if it is missing. */
function textIn(params: JsonObject, field: "name" | "uri"): string {
  const text = params[field];
  if (typeof text !== "string") throw new RpcError(rpcCodes.invalidParams, `${field} must be a text`);
  return text;
}

/** Refuses a call of what is not offered. It counts, and the audit log has it: somebody may be trying names. */
function refuse(
  exchange: ClientExchange,
  { calls }: EndpointServices,
  subject: CallSubject,
  error: RpcError,
  server?: McpServerRow,
): Promise<WrittenResult> {
  return calls.answer(exchange, server, subject, () => Promise.reject(error));
}

function promptOf(offer: Offer, name: string): Offered {
  const prompt = offer.prompts.get(name);
  if (!prompt) throw noPrompt(name);
  return prompt;
}

function noPrompt(name: string): RpcError {
  return new RpcError(rpcCodes.invalidParams, `there is no prompt "${shown(name)}"`);
}

function resourceOf(offer: Offer, uri: string): Pick<Offered, "server" | "original"> {
  const found = resourceAt(offer, uri);
  if (!found) throw noResource(uri);
  return found;
}

function noResource(uri: string): RpcError {
  return new RpcError(rpcCodes.invalidParams, `there is no resource "${shown(uri)}"`, { uri });
}

function notOffered(name: string, hidden: HiddenTool | undefined): RpcError {
  if (!hidden) return new RpcError(rpcCodes.invalidParams, `there is no tool "${shown(name)}"`);
  const why = {
    denied: "it is not allowed in this project",
    changed: `its server changed it, and nobody has approved the change: mcpctl approve server ${hidden.server.name}`,
    failed: "its server does not start",
    invalid: `its definition is not valid: ${hidden.detail}`,
  };
  return new RpcError(
    rpcCodes.invalidParams,
    `the tool "${shown(name)}" is not offered: ${why[hidden.reason]}`,
  );
}

function shown(value: string): string {
  return value.slice(0, 200);
}
