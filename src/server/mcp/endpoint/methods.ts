import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { type Offer, type Offered, offerOf } from "../offers/offer.ts";
import type { McpCalls } from "./calls.ts";
import type { ClientExchange } from "./exchange.ts";
import { discovered } from "./greeting.ts";

/** The services of the handlers. */
export interface EndpointServices {
  snapshot(): Snapshot;
  calls: McpCalls;
}

type Handler = (exchange: ClientExchange, services: EndpointServices) => JsonObject | Promise<JsonObject>;

/** The time for which clients may keep a list, in milliseconds. Changes are told at once. */
const listTtl = 60_000;

/** Returns the result of a list, whole: it is in memory, and pages would only cost turns. */
function listed(field: string, entries: ReadonlyMap<string, Offered>): JsonObject {
  const definitions = [...entries.values()].map(({ definition }) => definition);
  return { resultType: "complete", [field]: definitions, ttlMs: listTtl, cacheScope: "private" };
}

function lister(field: "tools" | "prompts" | "resources" | "resourceTemplates"): Handler {
  return (exchange, services) => {
    // There is one page, so no cursor was ever given.
    if (exchange.params["cursor"] !== undefined && exchange.params["cursor"] !== "")
      throw new RpcError(rpcCodes.invalidParams, "the cursor is not valid");
    return listed(field, offered(exchange, services)[field]);
  };
}

function offered({ project }: ClientExchange, { snapshot }: EndpointServices): Offer {
  return offerOf(snapshot(), project);
}

/** Handlers by method, for both eras. */
export const methods: Readonly<Record<string, Handler>> = {
  ping: () => ({}),
  "server/discover": ({ project }) => discovered(project),
  "tools/list": lister("tools"),
  "prompts/list": lister("prompts"),
  "resources/list": lister("resources"),
  "resources/templates/list": lister("resourceTemplates"),
  "tools/call": async (exchange, services) => {
    const { params } = exchange;
    const offer = offered(exchange, services);
    const tool = offer.tools.get(String(params["name"]));
    if (!tool) throw unknownTool(offer, String(params["name"]));
    const annotations = isObject(tool.definition["annotations"]) ? tool.definition["annotations"] : {};
    return services.calls.call(exchange, tool.server, {
      // Some clients leave `arguments` out, and some servers refuse that.
      params: { ...params, name: tool.original, arguments: params["arguments"] ?? {} },
      subject: { tool: tool.name },
      mayRepeat: annotations["readOnlyHint"] === true || annotations["idempotentHint"] === true,
    });
  },
  "prompts/get": async (exchange, services) => {
    const { params } = exchange;
    const prompt = offered(exchange, services).prompts.get(String(params["name"]));
    if (!prompt) throw new RpcError(rpcCodes.invalidParams, `there is no prompt "${shown(params["name"])}"`);
    return services.calls.call(exchange, prompt.server, {
      params: { ...params, name: prompt.original },
      subject: { prompt: prompt.name },
      mayRepeat: true,
    });
  },
  "resources/read": async (exchange, services) => {
    const { params } = exchange;
    const uri = String(params["uri"]);
    const found = resourceAt(offered(exchange, services), uri);
    if (!found) throw new RpcError(rpcCodes.invalidParams, `there is no resource "${shown(uri)}"`, { uri });
    return services.calls.call(exchange, found.server, {
      params: { ...params, uri: found.original },
      subject: { uri },
      mayRepeat: true,
    });
  },
};

/** Returns the server of a resource: a listed one, or one whose template can make the URI. */
export function resourceAt(offer: Offer, uri: string): Pick<Offered, "server" | "original"> | undefined {
  const listedOne = offer.resources.get(uri);
  if (listedOne) return listedOne;
  for (const { name, original, server } of offer.resourceTemplates.values()) {
    // Everything before the first variable tells the server; the server itself knows the rest.
    const start = name.split("{")[0]!;
    if (start !== "" && uri.startsWith(start))
      return { server, original: original.split("{")[0]! + uri.slice(start.length) };
  }
  return undefined;
}

function unknownTool(offer: Offer, name: string): RpcError {
  const hidden = offer.hidden.find((tool) => tool.name === name);
  const why = {
    denied: "it is not allowed in this project",
    changed: "its server changed it, and nobody has approved the change: mcpctl approve server",
    failed: "its server does not start",
  };
  const reason = hidden
    ? `: ${why[hidden.reason]}${hidden.reason === "changed" ? ` ${hidden.server.name}` : ""}`
    : "";
  return new RpcError(rpcCodes.invalidParams, `there is no tool "${shown(name)}"${reason}`);
}

function shown(value: unknown): string {
  return String(value).slice(0, 200);
}
