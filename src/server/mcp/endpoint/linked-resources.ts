import { isObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { ReadResource } from "../gate/links.ts";
import { type Offer, offerOf } from "../offers/offer.ts";
import type { McpCalls } from "./calls.ts";
import type { ClientExchange } from "./exchange.ts";

/**
 * Returns a function that reads resources of servers for prompts that link to them. A read is a call of the client's
 * principal: limits and the audit count it.
 */
export function linkedResources(snapshot: () => Snapshot, calls: McpCalls): ReadResource<ClientExchange> {
  return async (exchange, { project, server: name, uri }, signal) => {
    const server = serverOf(offerOf(snapshot(), project), name, uri);
    if (!server) return undefined;
    const read: ClientExchange = {
      ...exchange,
      project,
      method: "resources/read",
      params: { uri },
      bytesIn: 0,
      signal,
      send: () => undefined,
      async ask() {
        throw new RpcError(rpcCodes.invalidRequest, "the client is not asked for a prompt");
      },
    };
    const { text } = await calls.call(read, server, {
      params: { uri },
      subject: { uri },
      isWhole: true,
      mayRepeat: true,
    });
    const { contents }: { contents?: unknown } = JSON.parse(text);
    const texts = (Array.isArray(contents) ? contents : []).flatMap((one) =>
      isObject(one) && typeof one["text"] === "string" ? [one["text"]] : [],
    );
    if (texts.length === 0) throw new Error("the resource has no text");
    return texts.join("\n\n");
  };
}

/** Returns the server of a resource, if it lists the resource or has a template that makes it. */
function serverOf(
  { resources, resourceTemplates }: Offer,
  name: string,
  uri: string,
): McpServerRow | undefined {
  const listed = [...resources.values()].find((one) => one.server.name === name && one.original === uri);
  const made = [...resourceTemplates.values()].find((one) => {
    const start = one.original.split("{")[0]!;
    return one.server.name === name && start !== "" && uri.startsWith(start);
  });
  return (listed ?? made)?.server;
}
