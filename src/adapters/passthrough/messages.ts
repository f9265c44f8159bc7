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
import { isBillingLine } from "../translation/billing-line.ts";
import { isCarriedState } from "../translation/carried-state.ts";
import type { StreamFault } from "../types.ts";
import { hasAny, type Passthrough, type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/**
 * Requests pass unchanged, but for thinking of another provider that came through a translation, and for the line that
 * only Anthropic reads.
 */
export const messagesPassthrough: Passthrough = {
  prepare({ system, messages }, { billingLine }) {
    const isMarked = !billingLine && Array.isArray(system) && isBillingLine(system[0]?.text);
    const changes = { ...withoutCarried(messages), ...(isMarked && { system: system.slice(1) }) };
    return { changes, stripUsage: false };
  },
  watch: () => new MessagesWatch(),
};

/**
 * Removes thinking whose signature this program wrote: Anthropic refuses it (case 95). An answer with nothing else in it
 * is removed as well.
 */
function withoutCarried(messages: unknown): Record<string, unknown> {
  if (!Array.isArray(messages) || !messages.some(hasCarried)) return {};
  const kept = messages.flatMap((message) => {
    if (!hasCarried(message)) return [message];
    const content = (message.content as unknown[]).filter((block) => !isCarried(block));
    return content.length > 0 ? [{ ...message, content }] : [];
  });
  return { messages: kept };
}

function hasCarried(message: unknown): message is { content: unknown[] } {
  const content = (message as { content?: unknown } | null)?.content;
  return Array.isArray(content) && content.some(isCarried);
}

function isCarried(block: unknown): boolean {
  const { type, signature } = (block ?? {}) as { type?: unknown; signature?: unknown };
  return type === "thinking" && isCarriedState(signature);
}

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
