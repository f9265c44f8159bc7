import {
  type ChatCompletion,
  type ChatUsage,
  chatUsage,
  chunkUsage,
  doneData,
  mergeChatUsage,
} from "../../wire/dialects/chat.ts";
import { noUsage, type Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { brokenOff, endsWithUsage, saysFailure } from "../finish-reason.ts";
import { isChatError, namedFault, reportedFault } from "../provider-fault.ts";
import { fitHistory } from "../translation/chat-history.ts";
import type { StreamFault } from "../types.ts";
import {
  hasAny,
  hasValue,
  type Passthrough,
  type StreamWatch,
  usualFrameBytes,
  type Verdict,
} from "./watch.ts";

/**
 * Every stream is asked for its usage, which is removed again where the caller did not ask for it. A history that began at
 * another model gets what this one insists on.
 */
export const chatPassthrough: Passthrough = {
  prepare({ stream, stream_options, messages }, quirks) {
    const history = Array.isArray(messages) ? fitHistory(messages, quirks) : messages;
    const fitted = history === messages ? noChanges : { messages: history };
    const options = stream_options as { include_usage?: boolean } | null | undefined;
    const isTaken = !quirks.without?.includes("stream_options");
    const stripUsage = stream === true && options?.include_usage !== true && isTaken;
    if (!stripUsage) return { changes: fitted, stripUsage };
    return { changes: { ...fitted, stream_options: { ...options, include_usage: true } }, stripUsage };
  },
  watch: ({ stripUsage }) => new ChatWatch(stripUsage),
};

const noChanges: Readonly<Record<string, unknown>> = {};

const finishReason = Buffer.from('"finish_reason"');
const usageKey = Buffer.from('"usage"');
const texts = [doneData, "error", '"detail"', '"base_resp"'].map((text) => Buffer.from(text));

const terminal = `data: ${doneData}\n\n`;

class ChatWatch implements StreamWatch {
  finished = false;
  usage: Usage = noUsage;
  fault: StreamFault | undefined;
  readonly terminal = terminal;
  readonly largestHeldFrame = usualFrameBytes;
  readonly #stripUsage: boolean;
  #counts: ChatUsage | undefined;

  constructor(stripUsage: boolean) {
    this.#stripUsage = stripUsage;
  }

  // Quotes inside JSON strings are escaped, so a quoted text is a key or a whole string; `read` decides.
  mayMatter(bytes: Uint8Array): boolean {
    return hasValue(bytes, finishReason) || hasValue(bytes, usageKey) || hasAny(bytes, texts);
  }

  read(event: SseEvent): Verdict {
    const { data } = event;
    if (data.trim() === doneData) {
      if (this.finished) return "last";
      // Some gateways drop an error in the middle of a stream and send [DONE] all the same.
      this.fault = { message: "the provider ended its stream without a finish reason" };
      return "fault";
    }
    const chunk = parsedObject(data) as (ChatCompletion & { object?: string }) | undefined;
    this.fault = namedFault(event) ?? (chunk && isChatError(chunk) ? reportedFault(chunk) : undefined);
    if (this.fault) return "fault";
    if (!chunk) return "keep";
    const counts = chunkUsage(chunk);
    if (counts) {
      this.#counts = mergeChatUsage(this.#counts, counts);
      this.usage = chatUsage(this.#counts)!;
    }
    const choices = Array.isArray(chunk.choices) ? chunk.choices : [];
    const ended = choices.find((choice) => choice?.finish_reason);
    if (ended && saysFailure(ended.finish_reason)) {
      this.fault = brokenOff(ended);
      return "fault";
    }
    if (ended || endsWithUsage(chunk)) this.finished = true;
    return this.#stripUsage && chunk.usage && choices.length === 0 ? "drop" : "keep";
  }
}
