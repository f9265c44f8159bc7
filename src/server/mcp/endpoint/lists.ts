import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { agentTools, askNames, withAgentTools } from "../offers/agent-tools.ts";
import { closedText, type ListName, listText } from "../offers/list-text.ts";
import { offerOf } from "../offers/offer.ts";
import type { EndpointServices } from "./endpoint-types.ts";
import { type ClientExchange, WrittenResult } from "./exchange.ts";
import { serverMeta } from "./greeting.ts";

/** The time for which clients may keep a list, in milliseconds. Changes are told at once. */
const listTtl = 60_000;

/** Returns the handler of a list. It is whole: it is in memory, and pages would only cost turns. */
export function lister(
  name: ListName,
): (exchange: ClientExchange, services: EndpointServices) => WrittenResult {
  return (exchange, { snapshot, gate }) => {
    const { params, era, project } = exchange;
    // There is one page, so no cursor was ever given.
    if (params["cursor"] !== undefined && params["cursor"] !== "")
      throw new RpcError(rpcCodes.invalidParams, "the cursor is not valid");
    if (name === "tools" && exchange.session?.isTold) exchange.session.hasListedAgain = true;
    const isClosed = name === "tools" && gate.hidesTools(exchange);
    const offer = offerOf(snapshot(), project);
    const own = isClosed ? closedText(offer) : listText(offer, name);
    const hasAgents = name === "tools" && !isClosed && askNames(project).size > 0;
    const text = hasAgents
      ? withAgentTools(own, agentTools(snapshot(), project, exchange.caller.principal))
      : own;
    if (era === "legacy") return new WrittenResult(`{"${name}":${text}}`);
    const facts = JSON.stringify({
      resultType: "complete",
      ttlMs: listTtl,
      cacheScope: "private",
      _meta: serverMeta(project),
    });
    return new WrittenResult(`{"${name}":${text},${facts.slice(1)}`);
  };
}
