import type { FromChat } from "../halves.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { converted } from "../translated-pipe.ts";
import { messagesRequest } from "./request.ts";
import { chatCompletion } from "./response.ts";
import { ChatFromMessages } from "./stream.ts";

/**
 * Translates calls of chat to messages.
 *
 * @param now Returns milliseconds since 1970.
 * @param isDirect True if the caller speaks chat: signed thinking is then told in every form that chat clients know.
 */
export function chatToMessages(now: () => number, newId: NewId = randomId, isDirect = true): FromChat {
  const created = () => Math.floor(now() / 1_000);
  return {
    caller: "chat",
    provider: "messages",
    takesThinking: true,
    request: messagesRequest,
    response: (body: unknown, model: string, request?: Fields) =>
      converted(() => chatCompletion(body, model, created(), { request, newId, isDirect })),
    stream(model, request) {
      const options = request.stream_options as { include_usage?: unknown } | null | undefined;
      return new ChatFromMessages(model, created(), {
        includeUsage: options?.include_usage === true,
        request,
        newId,
        isDirect,
      });
    },
  };
}
