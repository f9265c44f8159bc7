import type { Dialect } from "../../wire/dialects/types.ts";
import type { StreamPipe } from "../types.ts";
import { chatPassthrough } from "./chat.ts";
import { messagesPassthrough } from "./messages.ts";
import { PassthroughPipe } from "./pipe.ts";
import { responsesPassthrough } from "./responses.ts";
import type { Passthrough } from "./watch.ts";

/** How calls of each dialect pass through to a provider that speaks the dialect itself. */
export const passthroughs = {
  chat: chatPassthrough,
  messages: messagesPassthrough,
  responses: responsesPassthrough,
} satisfies Record<Dialect, Passthrough>;

/**
 * Returns the pipe of a stream that passes through unchanged.
 *
 * @param options.stripUsage The server asked for usage, the caller did not: the extra frame is taken out.
 */
export function passthroughPipe(dialect: Dialect, options: { stripUsage: boolean }): StreamPipe {
  return new PassthroughPipe(passthroughs[dialect].watch(options));
}
