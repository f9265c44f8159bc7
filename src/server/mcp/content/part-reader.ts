import type { LlmUse } from "../project-llm.ts";
import type { KeptResult, KeptResults, ResultOwner } from "./kept-results.ts";
import { type AskFor, partNotice, rangeNotice } from "./part-index.ts";
import { type PartNames, type PartRequest, partUri } from "./part-request.ts";

/** A wish for a part, as one server of mcpctl sends it to another. */
export interface PartQuery {
  owner: Omit<ResultOwner, "userId">;
  request: PartRequest;
  /** The tool that is called, with the names of its arguments for parts; undefined if a resource is read. */
  tool?: { name: string; names: PartNames };
}

/** A part of a result, or an index. */
export interface PartAnswer {
  /** The server and the tool, prompt or resource that gave the result. */
  serverId: string;
  method: string;
  subject: string;
  texts: string[];
  notice: string;
  /** The `structuredContent` as JSON. */
  structured?: string;
}

/** Reads parts of results, wherever they are kept. */
export interface PartLookup {
  /** Returns undefined if this principal has no such result. */
  read(query: PartQuery, use: LlmUse): Promise<PartAnswer | undefined>;
}

/** Returns the words with which a client is told to ask for a part. */
export function askForOf({ id, word }: Pick<KeptResult, "id" | "word">, tool: PartQuery["tool"]): AskFor {
  if (!tool) return (part) => `read the resource ${partUri(id, part)}`;
  const { name, names } = tool;
  return (part) => {
    const isPage = word === "page" && typeof part === "number";
    const asked = {
      [names.resultId]: id,
      [isPage ? names.page : names.section]: isPage ? part : String(part),
    };
    return `call ${name} with ${JSON.stringify(asked)}`;
  };
}

/** Puts titles into the index of some parts of a result. */
export type DescribeParts = (
  kept: KeptResult,
  from: number,
  to: number,
  use: LlmUse | undefined,
) => Promise<void>;

/**
 * Returns a part of a kept result. Undefined if this principal has no such result here: one of somebody else is the same
 * as none (T210).
 *
 * @param use the caller, for titles that are not known yet; undefined if another server of mcpctl asks
 */
export async function readPart(
  results: KeptResults,
  { owner, request, tool }: PartQuery,
  describe: DescribeParts,
  use?: LlmUse,
): Promise<PartAnswer | undefined> {
  const kept = results.find(request.resultId, owner);
  if (!kept || (tool && (kept.method !== "tools/call" || kept.subject !== tool.name))) return undefined;
  const { serverId, subject, method, structured, word } = kept;
  const answer = (texts: string[], notice: string): PartAnswer => ({
    serverId,
    method,
    subject,
    texts,
    notice,
    ...(structured !== undefined && { structured }),
  });
  const total = kept.parts.length;
  const askFor = askForOf(kept, tool);
  const { from, to, isRange } = request.parts ?? { from: 1, to: total, isRange: true };
  if (request.fault !== undefined) return answer([], `[The ${word} ${request.fault}: ${askFor(1)}.]`);
  if (from < 1 || from > to || to > total)
    return answer([], `[There is no ${word} ${from}${isRange ? `-${to}` : ""}: the result has ${total}.]`);
  if (isRange) {
    await describe(kept, from, to, use);
    return answer([], rangeNotice(kept, from, to, askFor));
  }
  const texts = kept.parts[from - 1]!.pieces.map(({ text, start, end }) =>
    kept.texts[text]!.slice(start, end),
  );
  return answer(texts, partNotice(kept, from, askFor));
}
