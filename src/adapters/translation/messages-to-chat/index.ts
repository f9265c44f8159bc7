import type { Translation } from "../../types.ts";
import type { Fields } from "../request-fields.ts";
import { converted } from "../translated-pipe.ts";
import { chatRequest } from "./request.ts";
import { messagesAnswer } from "./response.ts";
import { MessagesFromChat } from "./stream.ts";

/** Callers that speak messages, at a provider that speaks chat. */
export const messagesToChat: Translation = {
  caller: "messages",
  provider: "chat",
  request: chatRequest,
  response: (body: unknown, model: string, request?: Fields) =>
    converted(() => messagesAnswer(body, model, request)),
  stream: (model, request) => new MessagesFromChat(model, request),
};
