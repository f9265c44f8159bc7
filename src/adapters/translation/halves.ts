import type { Quirks } from "../quirks/types.ts";
import type { Translation } from "../types.ts";
import { type Fields, objectAt } from "./request-fields.ts";
import type { TranslatedPipe } from "./translated-pipe.ts";

/**
 * All translations meet in chat. One half translates a caller's dialect to chat, the other translates chat to a
 * provider's dialect. Each half is a translation of its own, and `compose` makes one translation of two.
 */

/** Translates a caller's dialect to chat. */
export interface ToChat extends Translation {
  readonly provider: "chat";
  /**
   * Translates a request, as `request` does, and records the origin of each message.
   *
   * @param takesThinking True if the second half passes signed thinking on to the provider.
   * @throws AppError `invalid_request`
   */
  toChat(body: Fields, model: string, quirks: Quirks, takesThinking: boolean): ChatRequest;
  /**
   * The caller's field, as a JSON pointer, for each field of the chat request that has another name there. The entry
   * of `messages` is for faults that lie in no single message.
   */
  readonly callerFields: Readonly<Record<string, string>>;
  /** Returns the fields of the chat request that an answer depends on: its tools and its form. */
  answerSettings(request: Fields): Fields;
  stream(model: string, request: Fields): TranslatedPipe;
}

/** Translates chat to a provider's dialect. */
export interface FromChat extends Translation {
  readonly caller: "chat";
  /** Returns the quirks for the first half, where the provider's dialect takes more than chat. */
  chatQuirks?(quirks: Quirks): Quirks;
  /** True if `thinking_blocks` of messages reach the provider, which takes signed thinking back. */
  readonly takesThinking: boolean;
  stream(model: string, request: Fields): TranslatedPipe;
}

/** A chat request, made from a caller's request. */
export interface ChatRequest {
  request: Fields;
  /** For each message of the request: a JSON pointer to the part of the caller's request that it was made from. */
  paths: readonly string[];
}

/** Chat messages, made from a caller's conversation, and for each the JSON pointer to its origin. */
export interface ChatConversation {
  messages: Fields[];
  paths: string[];
}

/** A chat message, and a JSON pointer to the part of the caller's request that it was made from. */
export interface PlacedMessage {
  message: Fields;
  path: string;
}

/** Returns the messages of a chat request with their places. Throws AppError `invalid_request`. */
export function placedMessages(messages: readonly unknown[]): PlacedMessage[] {
  return messages.map((value, index) => {
    const path = `/messages/${index}`;
    return { message: objectAt(value, path), path };
  });
}

/** Splits placed messages into the messages and their paths. */
export function chatConversation(placed: readonly PlacedMessage[]): ChatConversation {
  return { messages: placed.map(({ message }) => message), paths: placed.map(({ path }) => path) };
}
