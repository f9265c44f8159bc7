import { withoutFileLinks } from "../file-urls.ts";
import type { ToChat } from "../halves.ts";
import { type NewId, randomId } from "../new-id.ts";
import { answerSettings, chatRequest } from "./request.ts";
import { responseOf } from "./response.ts";
import { ResponsesFromChat } from "./stream.ts";

/** Translates calls of responses to chat. `now` returns milliseconds since 1970. */
export function responsesToChat(now: () => number, newId: NewId = randomId): ToChat {
  const seconds = () => Math.floor(now() / 1_000);
  return {
    caller: "responses",
    provider: "chat",
    callerFields: {
      messages: "/input",
      verbosity: "/text/verbosity",
      response_format: "/text/format",
      reasoning_effort: "/reasoning/effort",
      max_tokens: "/max_output_tokens",
      max_completion_tokens: "/max_output_tokens",
    },
    answerSettings,
    toChat: chatRequest,
    request: (body, model, quirks) =>
      withoutFileLinks(
        chatRequest(body, model, quirks, false),
        (path, index) => `${path}/content/${index}/file_url`,
      ),
    response: (body, model, request = {}) => responseOf(body, model, request, seconds(), newId),
    stream: (model, request) => new ResponsesFromChat(model, request, seconds, newId),
  };
}
