import { anthropic } from "./anthropic.ts";
import { chatToMessages } from "./chat-to-messages/index.ts";
import { messagesToChat } from "./messages-to-chat/index.ts";
import { openai } from "./openai.ts";
import type { Adapter, Dialect, Translation } from "./types.ts";

/** Every provider we speak to. A type belongs to one adapter only. */
export const adapters: readonly Adapter[] = [openai, anthropic];

/** The adapter for an llm's type; undefined for a type that is not spoken to over HTTP, such as gemini-cli. */
export function adapterFor(type: string): Adapter | undefined {
  return adapters.find((adapter) => adapter.types.includes(type));
}

/**
 * The way from a caller's dialect to a provider's other one; undefined when they are the same.
 *
 * @param now Milliseconds since 1970: chat answers carry the second they were made in.
 */
export function translationFor(
  caller: Dialect,
  provider: Dialect,
  now: () => number = Date.now,
): Translation | undefined {
  if (caller === provider) return undefined;
  return caller === "chat" ? chatToMessages(now) : messagesToChat;
}
