import {
  type MessagesEvent,
  type MessagesUsage,
  mergeMessagesUsage,
  messagesUsage,
} from "../../wire/dialects/messages.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import { type SseEvent, typedFrame } from "../../wire/sse.ts";
import { brokenOff, saysFailure } from "../finish-reason.ts";
import { isChatError, namedFault, reportedFault } from "../provider-fault.ts";
import { isBillingLine } from "../translation/billing-line.ts";
import { isCarriedState } from "../translation/carried-state.ts";
import type { StreamFault } from "../types.ts";
import { withoutThinking } from "../without-sealed.ts";
import { hasAny, type Passthrough, type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/**
 * Requests pass unchanged, but for thinking of another provider that came through a translation, which Anthropic refuses
 * (case 95), and for the line that only Anthropic reads.
 */
export const messagesPassthrough: Passthrough = {
  prepare(body, { billingLine }) {
    const { system } = body;
    const isMarked = !billingLine && Array.isArray(system) && isBillingLine(system[0]?.text);
    const changes = { ...withoutThinking(body, isCarried), ...(isMarked && { system: system.slice(1) }) };
    return { changes, stripUsage: false };
  },
  watch: () => new MessagesWatch(),
};

function isCarried({ type, signature }: Record<string, unknown>): boolean {
  return type === "thinking" && isCarriedState(signature);
}

const texts = [Buffer.from('"message_'), Buffer.from("error")];

class MessagesWatch implements StreamWatch {
  finished = false;
  fault: StreamFault | undefined;
  readonly terminal = typedFrame("message_stop", {});
  readonly largestHeldFrame = usualFrameBytes;
  #counts: MessagesUsage = {};

  get usage(): Usage {
    return messagesUsage(this.#counts)!;
  }

  // Every event repeats its type in the data: `"type":"message_stop"`.
  mayMatter(bytes: Uint8Array): boolean {
    return hasAny(bytes, texts);
  }

  read(frame: SseEvent): Verdict {
    const event = parsedObject(frame.data) as MessagesEvent | undefined;
    // Relays send errors in the form of chat, and words.
    const isError = event?.type === "error" || (event && event.type === undefined && isChatError(event));
    this.fault = namedFault(frame) ?? (isError ? reportedFault(event) : undefined);
    if (this.fault) return "fault";
    if (event?.type === "message_start")
      this.#counts = mergeMessagesUsage(this.#counts, event.message?.usage);
    if (event?.type === "message_delta") {
      this.#counts = mergeMessagesUsage(this.#counts, event.usage);
      const { stop_reason } = event.delta ?? {};
      if (saysFailure(stop_reason)) {
        this.fault = brokenOff({ finish_reason: stop_reason! });
        return "fault";
      }
      // Some relays leave the last event out: the reason for the end says that there is one (case 160).
      if (stop_reason) this.finished = true;
    }
    if (event?.type !== "message_stop") return "keep";
    this.finished = true;
    return "last";
  }
}
