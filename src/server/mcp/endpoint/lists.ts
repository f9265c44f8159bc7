import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import { type Offer, type Offered, offerOf } from "../offers/offer.ts";
import { type ClientExchange, WrittenResult } from "./exchange.ts";
import { serverMeta } from "./greeting.ts";
import type { EndpointServices } from "./methods.ts";

/** The lists of a project. */
export type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** The time for which clients may keep a list, in milliseconds. Changes are told at once. */
const listTtl = 60_000;

/** The entries of a list as JSON. A list does not change, so it is written once. */
const entriesOf = oncePerObject((list: ReadonlyMap<string, Offered>) => ({
  text: JSON.stringify([...list.values()].map(({ definition }) => definition)),
}));

/** Returns the entries of a list of a project as JSON. */
export function listText(offer: Offer, name: ListName): string {
  return entriesOf(offer[name]).text;
}

/** Returns the handler of a list. It is whole: it is in memory, and pages would only cost turns. */
export function lister(
  name: ListName,
): (exchange: ClientExchange, services: EndpointServices) => WrittenResult {
  return ({ params, era, project }, { snapshot }) => {
    // There is one page, so no cursor was ever given.
    if (params["cursor"] !== undefined && params["cursor"] !== "")
      throw new RpcError(rpcCodes.invalidParams, "the cursor is not valid");
    const text = listText(offerOf(snapshot(), project), name);
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
