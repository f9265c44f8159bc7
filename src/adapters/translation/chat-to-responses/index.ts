import type { FromChat } from "../halves.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { converted } from "../translated-pipe.ts";
import { responsesRequest } from "./request.ts";
import { chatCompletionOf } from "./response.ts";
import { ChatFromResponses } from "./stream.ts";

/** Translates calls of chat to responses. `now` returns milliseconds since 1970. */
export function chatToResponses(now: () => number, newId: NewId = randomId): FromChat {
  const created = () => Math.floor(now() / 1_000);
  return {
    caller: "chat",
    provider: "responses",
    takesThinking: false,
    // Responses take reasoning with tools, images in results, and instructions in any place.
    chatQuirks: (quirks) => ({
      ...quirks,
      effortWithTools: true,
      laterSystem: true,
      openaiFields: true,
      resultParts: true,
      // It is about messages of chat. Items of responses hold what a chat message may not.
      plainHistory: false,
    }),
    request: responsesRequest,
    response: (body: unknown, model: string, _request?: Fields) =>
      converted(() => chatCompletionOf(body, model, created(), newId)),
    stream(model, request) {
      const options = request.stream_options as { include_usage?: unknown } | null | undefined;
      return new ChatFromResponses(model, created(), options?.include_usage === true, newId);
    },
  };
}
