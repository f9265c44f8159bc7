import type { Dialect } from "../wire/dialects/types.ts";
import { anthropic } from "./anthropic.ts";
import { geminiCommand } from "./gemini-cli/adapter.ts";
import { openai } from "./openai.ts";
import { chatToMessages } from "./translation/chat-to-messages/index.ts";
import { messagesToChat } from "./translation/messages-to-chat/index.ts";
import { responsesToChat } from "./translation/responses-to-chat/index.ts";
import { responsesToMessages } from "./translation/responses-to-chat/over-messages.ts";
import type { Adapter, Translation } from "./types.ts";

/** Every provider we speak to. A type belongs to one adapter only. */
export const adapters: readonly Adapter[] = [openai, anthropic, geminiCommand];

/** The adapter for an llm's type; undefined for a type that this version does not know. */
export function adapterFor(type: string): Adapter | undefined {
  return adapters.find((adapter) => adapter.types.includes(type));
}

/**
 * The path at which an llm takes calls of a caller's dialect as they are; undefined where they have to be translated.
 * OpenAI itself speaks responses unless `extraConfig.responses` is "translated"; others only where it is "native".
 *
 * @param llm Type and `extraConfig` of an llm that the adapter serves.
 */
export function nativePathFor(
  adapter: Adapter,
  caller: Dialect,
  llm: { type: string; extraConfig: { responses?: unknown } },
): string | undefined {
  if (caller === adapter.dialect) return adapter.callPath;
  if (caller !== "responses") return undefined;
  const speaks = llm.extraConfig.responses ?? (llm.type === "openai" ? "native" : "translated");
  return speaks === "native" ? adapter.responsesPath : undefined;
}

/**
 * The way from a caller's dialect to a provider's other one; undefined when they are the same.
 *
 * @param provider What the provider is called in: nobody is translated to responses.
 * @param now Milliseconds since 1970: answers of OpenAI's carry the second they were made in.
 */
export function translationFor(
  caller: Dialect,
  provider: Dialect,
  now: () => number = Date.now,
): Translation | undefined {
  if (caller === provider) return undefined;
  if (caller === "responses") return provider === "chat" ? responsesToChat(now) : responsesToMessages(now);
  return caller === "chat" ? chatToMessages(now) : messagesToChat;
}
