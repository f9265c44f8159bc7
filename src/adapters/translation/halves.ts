import type { Quirks } from "../quirks/types.ts";
import type { Translation } from "../types.ts";
import type { Fields } from "./request-fields.ts";
import type { TranslatedPipe } from "./translated-pipe.ts";

/**
 * All translations meet in chat. One half leads from a caller's dialect to chat, the other from chat to a provider's
 * dialect; each is a translation of its own, and `compose` makes one translation of two halves.
 */

/** From a caller's dialect to chat. */
export interface ToChat extends Translation {
  readonly provider: "chat";
  /**
   * Translates a request, as `request` does, and says where in the caller's request each message comes from.
   *
   * @param takesThinking The chat request goes on to a provider that takes signed thinking back.
   * @throws AppError `invalid_request`
   */
  toChat(body: Fields, model: string, quirks: Quirks, takesThinking: boolean): ChatRequest;
  /**
   * The caller's field, as a JSON pointer, for each field of the chat request that is made from another one; of
   * `messages` the field for a fault that lies in no single message.
   */
  readonly callerFields: Readonly<Record<string, string>>;
  /** Returns the fields of the chat request that an answer depends on: its tools and its form. */
  answerSettings(request: Fields): Fields;
  stream(model: string, request: Fields): TranslatedPipe;
}

/** From chat to a provider's dialect. */
export interface FromChat extends Translation {
  readonly caller: "chat";
  /** The provider takes signed thinking back: `thinking_blocks` of the messages reach it. */
  readonly takesThinking: boolean;
  stream(model: string, request: Fields): TranslatedPipe;
}

/** A chat request that was made from a caller's. */
export interface ChatRequest {
  request: Fields;
  /** For each message of the request: a JSON pointer to the part of the caller's request that it was made from. */
  paths: readonly string[];
}

/** Chat messages that were made from a caller's conversation, and for each where it comes from. */
export interface ChatConversation {
  messages: Fields[];
  paths: string[];
}

/** A chat message, and a JSON pointer to the part of the caller's request that it was made from. */
export interface PlacedMessage {
  message: Fields;
  path: string;
}

/** Splits placed messages into the messages and their paths. */
export function chatConversation(placed: readonly PlacedMessage[]): ChatConversation {
  return { messages: placed.map(({ message }) => message), paths: placed.map(({ path }) => path) };
}
