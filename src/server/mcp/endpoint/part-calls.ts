import type { JsonObject } from "../../../mcp/messages.ts";
import { parseExact } from "../../../wire/exact-json.ts";
import { personalIds } from "../../core/access/policy.ts";
import type { PartAnswer, PartLookup, PartQuery } from "../content/part-reader.ts";
import { type PartRequest, partArguments, partRequestOf, partText } from "../content/part-request.ts";
import { textEntry } from "../content/texts.ts";
import type { Offer, Offered } from "../offers/offer.ts";
import type { LlmUse } from "../project-llm.ts";
import type { McpCalls } from "./calls.ts";
import type { ClientExchange, WrittenResult } from "./exchange.ts";
import { serverMeta } from "./greeting.ts";

/** Answers the call of a tool that asks for a part of an earlier result. No server is called. */
export function callForPart(
  exchange: ClientExchange,
  { name, server, definition }: Offered,
  request: PartRequest,
  calls: McpCalls,
  source: PartLookup,
): Promise<WrittenResult> {
  const { project } = exchange;
  return calls.answer(exchange, server, { tool: name, part: partText(request) }, async () => {
    const names = partArguments(definition["inputSchema"]);
    const found = await source.read(
      { ...queryOf(exchange, request), tool: { name, names } },
      rightsOf(exchange),
    );
    const own = { resultType: "complete", _meta: serverMeta(project) };
    // The tool may belong to another server by now.
    if (found?.serverId !== server.id) {
      const text = `There is no such result, or it is not kept any more. Call ${name} again without ${names.resultId}.`;
      return { content: [{ type: "text", text }], isError: true, ...own };
    }
    const content = [...found.texts, found.notice].map((text) => textEntry("tools/call", text, ""));
    const structured: unknown = found.structured === undefined ? undefined : parseExact(found.structured);
    return {
      content,
      ...(structured !== undefined && { structuredContent: structured }),
      ...own,
    } as JsonObject;
  });
}

/**
 * Answers the read of a part of a result as a resource. Returns undefined if there is none for this caller, or its tool,
 * prompt or resource is not offered any more.
 */
export async function readPartAsResource(
  exchange: ClientExchange,
  uri: string,
  offer: Offer,
  calls: McpCalls,
  source: PartLookup,
): Promise<WrittenResult | undefined> {
  const request = partRequestOf(uri);
  const found = request && (await source.read(queryOf(exchange, request), rightsOf(exchange)));
  const server = found && offer.servers.find(({ id }) => id === found.serverId);
  if (!found || !server || !isOffered(found, offer)) return undefined;
  return calls.answer(exchange, server, { uri }, async () => ({
    contents: [...found.texts, found.notice].map((text) => textEntry("resources/read", text, uri)),
    resultType: "complete",
    ttlMs: 0,
    cacheScope: "private",
    _meta: serverMeta(exchange.project),
  }));
}

function isOffered({ method, subject, serverId }: PartAnswer, { tools, prompts }: Offer): boolean {
  if (method === "resources/read") return true;
  const named = method === "tools/call" ? tools : prompts;
  return named.get(subject)?.server.id === serverId;
}

function queryOf({ caller, project }: ClientExchange, request: PartRequest): PartQuery {
  return { owner: { principalId: personalIds(caller.principal).id, projectId: project.id }, request };
}

function rightsOf({ caller: { principal }, project, requestId }: ClientExchange): LlmUse {
  return { project, principal, requestId };
}
