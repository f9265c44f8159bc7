import type { Dialect } from "../../wire/dialects/types.ts";
import type { Translation } from "../types.ts";
import { chatToMessages } from "./chat-to-messages/index.ts";
import { chatToResponses } from "./chat-to-responses/index.ts";
import { compose } from "./compose.ts";
import type { FromChat, ToChat } from "./halves.ts";
import { withFunctions } from "./legacy-functions.ts";
import { messagesToChat } from "./messages-to-chat/index.ts";
import { type NewId, randomId } from "./new-id.ts";
import { responsesToChat } from "./responses-to-chat/index.ts";

type Clock = () => number;
type OtherDialect = Exclude<Dialect, "chat">;

/** The first halves: callers of every dialect can be translated to chat. */
const toChat: Readonly<Record<OtherDialect, (now: Clock, newId: NewId) => ToChat>> = {
  messages: (_now, newId) => messagesToChat(newId),
  responses: responsesToChat,
};

/** The second halves, by the provider's dialect. */
const fromChat: Readonly<Record<OtherDialect, (now: Clock, newId: NewId, isDirect: boolean) => FromChat>> = {
  messages: chatToMessages,
  responses: chatToResponses,
};

/**
 * Returns the translation from a caller's dialect to a provider's: the direct one, or two that meet in chat. Returns
 * undefined when the dialects are the same.
 *
 * @param now Milliseconds since 1970: OpenAI's answers contain their time.
 * @param newId Makes the ids of answers and their parts, which no provider's id replaces.
 */
export function translationFor(
  caller: Dialect,
  provider: Dialect,
  now: Clock = Date.now,
  newId: NewId = randomId,
): Translation | undefined {
  if (caller === provider) return undefined;
  const first = caller === "chat" ? undefined : toChat[caller](now, newId);
  if (provider === "chat") return first;
  const second = fromChat[provider](now, newId, first === undefined);
  return first ? compose(first, second) : withFunctions(second);
}
