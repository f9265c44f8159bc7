import {
  type MessagesEvent,
  type MessagesUsage,
  mergeMessagesUsage,
  messagesUsage,
} from "../../wire/dialects/messages.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { reportedFault } from "../provider-fault.ts";
import type { StreamFault } from "../types.ts";
import { hasAny, type Passthrough, type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/** Requests pass unchanged. */
export const messagesPassthrough: Passthrough = {
  prepare: () => ({ changes: {}, stripUsage: false }),
  watch: () => new MessagesWatch(),
};

const texts = [Buffer.from('"message_'), Buffer.from('"error"')];

class MessagesWatch implements StreamWatch {
  finished = false;
  fault: StreamFault | undefined;
  readonly terminal = undefined;
  readonly largestHeldFrame = usualFrameBytes;
  #counts: MessagesUsage = {};

  get usage(): Usage {
    return messagesUsage(this.#counts)!;
  }

  // Every event repeats its type in the data: `"type":"message_stop"`.
  mayMatter(bytes: Uint8Array): boolean {
    return hasAny(bytes, texts);
  }

  read({ data }: SseEvent): Verdict {
    const event = parsedObject(data) as MessagesEvent | undefined;
    if (event?.type === "error") {
      this.fault = reportedFault(event);
      return "fault";
    }
    if (event?.type === "message_start")
      this.#counts = mergeMessagesUsage(this.#counts, event.message?.usage);
    if (event?.type === "message_delta") this.#counts = mergeMessagesUsage(this.#counts, event.usage);
    if (event?.type !== "message_stop") return "keep";
    this.finished = true;
    return "last";
  }
}
