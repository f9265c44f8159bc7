import { withoutFileLinks } from "../file-urls.ts";
import type { ToChat } from "../halves.ts";
import { type NewId, randomId } from "../new-id.ts";
import { withoutSealedItems } from "../sealed-items.ts";
import { converted } from "../translated-pipe.ts";
import { answerSettings, chatRequest } from "./request.ts";
import { messagesAnswer } from "./response.ts";
import { MessagesFromChat } from "./stream.ts";

/** Returns the translation of calls of messages to chat. */
export const messagesToChat = (newId: NewId = randomId): ToChat => ({
  caller: "messages",
  provider: "chat",
  callerFields: {
    messages: "/messages",
    response_format: "/output_config/format",
    reasoning_effort: "/output_config/effort",
    stop: "/stop_sequences",
    user: "/metadata/user_id",
    max_completion_tokens: "/max_tokens",
    parallel_tool_calls: "/tool_choice/disable_parallel_tool_use",
  },
  answerSettings,
  toChat: chatRequest,
  request: (body, model, quirks) =>
    withoutSealedItems(withoutFileLinks(chatRequest(body, model, quirks), (path) => path)),
  response: (body, model, request = {}) => converted(() => messagesAnswer(body, model, request, newId)),
  stream: (model, request) => new MessagesFromChat(model, request, newId),
});
