import { type ChatCompletion, chatUsage, doneData } from "../../wire/dialects/chat.ts";
import {
  type MessagesEvent,
  type MessagesUsage,
  mergeMessagesUsage,
  messagesUsage,
} from "../../wire/dialects/messages.ts";
import { type ResponsesEvent, responsesUsage } from "../../wire/dialects/responses.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { faultOf, type StreamFault } from "../provider-fault.ts";

/** What becomes of a frame: `last` is the terminal one, `fault` a provider's error. */
export type Verdict = "keep" | "drop" | "last" | "fault";

/** Reads a dialect's frames as they go by. */
export interface StreamWatch {
  finished: boolean;
  usage: Usage;
  fault: StreamFault | undefined;
  /** The terminal frame, for a provider that leaves it out. */
  readonly terminal: string | undefined;
  /** A cut frame larger than this, in bytes, goes through unwatched. */
  readonly largestHeldFrame: number;
  readonly position?: StreamPosition | undefined;
  /** A cheap test on raw bytes that rules out almost every frame. */
  mayMatter(bytes: Uint8Array): boolean;
  read(event: SseEvent): Verdict;
}

const colon = 58;
const letterN = 110;
const needle = {
  finishReason: Buffer.from('"finish_reason"'),
  usage: Buffer.from('"usage"'),
  done: Buffer.from(doneData),
  error: Buffer.from('"error"'),
  message: Buffer.from('"message_'),
  created: Buffer.from('"response.created"'),
  completed: Buffer.from('"response.completed"'),
  incomplete: Buffer.from('"response.incomplete"'),
  failed: Buffer.from('"response.failed"'),
};

/** A frame of a chat or messages stream that is larger holds an image, not a finish. */
const usualFrame = 256 * 1024;
/** The last frame of a responses stream repeats the whole answer, and most of the request. */
const responsesFrameBytes = 16 * 1024 * 1024;

export class ChatWatch implements StreamWatch {
  finished = false;
  usage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
  fault: StreamFault | undefined;
  readonly terminal = `data: ${doneData}\n\n`;
  readonly largestHeldFrame = usualFrame;
  readonly #stripUsage: boolean;

  constructor(stripUsage: boolean) {
    this.#stripUsage = stripUsage;
  }

  // Quotes are escaped inside JSON strings, so a quoted needle is a key or a whole string; reading decides.
  mayMatter(bytes: Uint8Array): boolean {
    return (
      hasValue(bytes, needle.finishReason) ||
      hasValue(bytes, needle.usage) ||
      indexOf(bytes, needle.done, 0) !== -1 ||
      indexOf(bytes, needle.error, 0) !== -1
    );
  }

  read({ data }: SseEvent): Verdict {
    if (data.trim() === doneData) {
      if (this.finished) return "last";
      // Some gateways swallow an error half-way and say [DONE] all the same.
      this.fault = { message: "the provider ended its stream without a finish reason" };
      return "fault";
    }
    const chunk = parsedObject(data) as (ChatCompletion & { object?: string }) | undefined;
    if (!chunk) return "keep";
    if (chunk.error || chunk.object === "error") {
      this.fault = faultOf(chunk) ?? { message: "the provider reported an error" };
      return "fault";
    }
    const usage = chatUsage(chunk.usage);
    if (usage) this.usage = usage;
    const choices = Array.isArray(chunk.choices) ? chunk.choices : [];
    if (choices.some((choice) => choice?.finish_reason)) this.finished = true;
    return this.#stripUsage && usage && choices.length === 0 ? "drop" : "keep";
  }
}

export class MessagesWatch implements StreamWatch {
  finished = false;
  fault: StreamFault | undefined;
  readonly terminal = undefined;
  readonly largestHeldFrame = usualFrame;
  #counts: MessagesUsage = {};

  get usage(): Usage {
    return messagesUsage(this.#counts)!;
  }

  // Every event says its type in the data too: `"type":"message_stop"`.
  mayMatter(bytes: Uint8Array): boolean {
    return indexOf(bytes, needle.message, 0) !== -1 || indexOf(bytes, needle.error, 0) !== -1;
  }

  read({ data }: SseEvent): Verdict {
    const event = parsedObject(data) as MessagesEvent | undefined;
    if (event?.type === "error") {
      this.fault = faultOf(event) ?? { message: "the provider reported an error" };
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

export class ResponsesWatch implements StreamWatch {
  finished = false;
  usage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
  fault: StreamFault | undefined;
  position: StreamPosition | undefined;
  readonly terminal = undefined;
  readonly largestHeldFrame = responsesFrameBytes;

  // Every event says its type in the data too.
  mayMatter(bytes: Uint8Array): boolean {
    return (
      indexOf(bytes, needle.completed, 0) !== -1 ||
      indexOf(bytes, needle.error, 0) !== -1 ||
      indexOf(bytes, needle.failed, 0) !== -1 ||
      indexOf(bytes, needle.incomplete, 0) !== -1 ||
      (this.position === undefined && indexOf(bytes, needle.created, 0) !== -1)
    );
  }

  read({ data }: SseEvent): Verdict {
    // What begins an answer repeats the request: too long to be parsed for an id.
    if (this.position === undefined) {
      const [, responseId] = /"id": ?"(resp_[\w-]+)"/.exec(data) ?? [];
      if (responseId !== undefined) this.position = { responseId };
    }
    if (!endOfResponse.test(data)) return "keep";
    const event = (parsedObject(data) ?? {}) as ResponsesEvent;
    const { type, response, sequence_number: sequence } = event;
    const usage = responsesUsage(response?.usage);
    if (usage) this.usage = usage;
    if (type === "error" || type === "response.failed") {
      if (this.position && sequence !== undefined) this.position = { ...this.position, sequence };
      this.fault = responsesFault(event) ?? { message: "the provider reported an error" };
      return "fault";
    }
    if (type !== "response.completed" && type !== "response.incomplete") return "keep";
    this.finished = true;
    return "last";
  }
}

/** Errors stand in the event or inside of it. The code says more than the type: clients act upon it. */
function responsesFault(event: ResponsesEvent): StreamFault | undefined {
  const { message, code, type } = event.response?.error ?? event.error ?? { ...event, type: undefined };
  return typeof message === "string" ? faultOf({ error: { message, type: code ?? type } }) : undefined;
}

/** A cheap test for the types of the events that end an answer; parsing decides. */
const endOfResponse = /"type": ?"(?:error|response\.(?:completed|incomplete|failed))"/;

/** Whether `key` is followed by a value other than null. Python servers write a space after the colon. */
function hasValue(bytes: Uint8Array, key: Buffer): boolean {
  for (let at = indexOf(bytes, key, 0); at !== -1; at = indexOf(bytes, key, at + key.length)) {
    let next = at + key.length;
    while (bytes[next]! <= 32 || bytes[next] === colon) next++;
    if (bytes[next] !== letterN) return true;
  }
  return false;
}

// Called on the plain array: making a Buffer of each chunk would cost more than the search.
const bufferIndexOf = Buffer.prototype.indexOf as (this: Uint8Array, value: Buffer, from: number) => number;

function indexOf(bytes: Uint8Array, value: Buffer, from: number): number {
  return bufferIndexOf.call(bytes, value, from);
}
