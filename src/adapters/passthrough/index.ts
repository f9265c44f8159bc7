import { dialects } from "../../wire/dialects/index.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import type { StreamPipe } from "../types.ts";
import { chatPassthrough } from "./chat.ts";
import { EventNamesPipe } from "./event-names.ts";
import { messagesPassthrough } from "./messages.ts";
import { PassthroughPipe } from "./pipe.ts";
import { responsesPassthrough } from "./responses.ts";
import type { Passthrough } from "./watch.ts";

/** The rules for calls of each dialect that pass through to a provider of the same dialect. */
export const passthroughs: Readonly<Record<Dialect, Passthrough>> = {
  chat: chatPassthrough,
  messages: messagesPassthrough,
  responses: responsesPassthrough,
};

/**
 * Returns the pipe of a stream that passes through unchanged.
 *
 * @param options.stripUsage Removes the frame with the usage, which the caller did not ask for.
 */
export function passthroughPipe(dialect: Dialect, options: { stripUsage: boolean }): StreamPipe {
  const pipe = new PassthroughPipe(passthroughs[dialect].watch(options));
  return dialects[dialect].namesEvents ? new EventNamesPipe(pipe) : pipe;
}
