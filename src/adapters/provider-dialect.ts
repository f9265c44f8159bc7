import type { Operation } from "../wire/dialects/operations.ts";
import type { Dialect } from "../wire/dialects/types.ts";
import { isObject } from "../wire/json.ts";
import type { Quirks } from "./quirks/types.ts";
import { hasCounterparts } from "./translation/chat-to-responses/request.ts";
import { isGiven } from "./translation/request-fields.ts";
import type { Adapter } from "./types.ts";

/** `stateful`: as native, and the provider keeps answers and conversations. */
export type ResponsesChoice = "native" | "translated" | "stateful";

/** The setting of an llm that says more about its provider than the quirks. */
export interface ResponsesSetting {
  responses?: ResponsesChoice;
}

/**
 * Returns the dialect in which a call is sent to a provider: its own, or responses where the model reasons better in them
 * (case 127). Calls of messages then keep their thinking between two turns, also with tools. Calls of chat go there only
 * where the model would refuse them in chat, or has no chat.
 *
 * @param settings The llm's own settings, which hold over the quirks.
 */
export function providerDialect(
  { dialect, optional = [] }: Adapter,
  caller: Operation,
  body: Record<string, unknown>,
  quirks: Quirks,
  { responses: setting }: ResponsesSetting,
): Dialect {
  if (!optional.includes("responses") || !quirks.sealedReasoning) return dialect;
  const isKnown = quirks.prefersResponses === true && quirks.takes?.includes("responses") === true;
  const isPreferred = setting === undefined ? isKnown : setting !== "translated";
  if (!isPreferred) return dialect;
  const isBetter = caller === "messages" || (caller === "chat" && isRefusedInChat(body, quirks));
  return isBetter && (quirks.responsesOnly || hasCounterparts(body)) ? "responses" : dialect;
}

function isRefusedInChat({ tools, reasoning_effort }: Record<string, unknown>, quirks: Quirks): boolean {
  if (quirks.responsesOnly) return true;
  const reasons = isGiven(reasoning_effort) ? reasoning_effort !== "none" : quirks.reasonsByDefault === true;
  return quirks.effortWithTools === false && reasons && Array.isArray(tools) && tools.some(isObject);
}
