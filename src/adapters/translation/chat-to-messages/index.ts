import type { FromChat } from "../halves.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { converted } from "../translated-pipe.ts";
import { messagesRequest } from "./request.ts";
import { chatCompletion } from "./response.ts";
import { ChatFromMessages } from "./stream.ts";

/** Translates calls of chat to messages. `now` returns milliseconds since 1970. */
export function chatToMessages(now: () => number, newId: NewId = randomId): FromChat {
  const created = () => Math.floor(now() / 1_000);
  return {
    caller: "chat",
    provider: "messages",
    takesThinking: true,
    request: messagesRequest,
    response: (body: unknown, model: string, request?: Fields) =>
      converted(() => chatCompletion(body, model, created(), request, newId)),
    stream(model, request) {
      const options = request.stream_options as { include_usage?: unknown } | null | undefined;
      return new ChatFromMessages(model, created(), options?.include_usage === true, request, newId);
    },
  };
}
