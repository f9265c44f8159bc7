import type { Translation } from "../../types.ts";
import { chatRequest } from "./request.ts";
import { responseOf } from "./response.ts";
import { ResponsesFromChat } from "./stream.ts";

/** Callers that speak responses, at a provider that speaks chat. `now` is in milliseconds. */
export function responsesToChat(now: () => number): Translation {
  const seconds = () => Math.floor(now() / 1_000);
  return {
    caller: "responses",
    provider: "chat",
    request: (body, model) => chatRequest(body, model, false).request,
    response: (body, model, request = {}) => responseOf(body, model, request, seconds()),
    stream: (model, request) => new ResponsesFromChat(model, request, seconds),
  };
}
