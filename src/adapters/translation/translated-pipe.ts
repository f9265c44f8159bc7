import { AppError } from "../../errors.ts";
import { doneData } from "../../wire/dialects/chat.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import { type SseEvent, SseParser } from "../../wire/sse.ts";
import { oneLine } from "../../wire/text.ts";
import { refuseManyParts } from "../many-parts.ts";
import { namedFault } from "../provider-fault.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe } from "../types.ts";

/** Data of an event with fewer characters cannot have very many parts. */
const longData = 16 * 1024;

/** Converts events of the provider to frames for the caller. Each translation adds its own conversion. */
export abstract class TranslatedPipe implements StreamPipe {
  finished = false;
  done = false;
  fault: StreamFault | undefined;
  readonly #parser = new SseParser();

  abstract readonly usage: Usage;

  get held(): number {
    return this.#parser.held;
  }

  get answer(): ResponsesAnswer | undefined {
    return undefined;
  }

  get position(): StreamPosition | undefined {
    return undefined;
  }

  /**
   * Converts one event. Returns its frames, or "". Sets `finished`, `done` and `fault`.
   *
   * @throws AppError `provider_error` for an event that makes no sense
   */
  protected abstract convert(event: SseEvent): string;

  /** Returns the frames that end a finished stream without a terminal frame, or "". */
  protected abstract close(): string;

  push(chunk: Uint8Array): string | null {
    if (this.done || this.fault) return null;
    try {
      return this.take(this.#parser.push(chunk));
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Converts parsed events. Returns their frames, or null for none. */
  take(events: readonly SseEvent[]): string | null {
    let text = "";
    for (const event of events) {
      if (this.done || this.fault) break;
      // An event without data says nothing: some gateways send it to keep the connection open.
      if (event.data === "") continue;
      try {
        this.fault = misnamedFault(event);
        if (!this.fault) text += this.convert(event);
      } catch (error) {
        this.#fail(error);
      }
    }
    return text || null;
  }

  end(): string | null {
    if (this.done || this.fault) return null;
    // Half an event is not an error of its own: the stream was cut.
    const whole = this.#parser.end().filter(({ data }) => data === doneData || parsedObject(data));
    const text = this.take(whole) ?? "";
    if (!this.finished || this.done || this.fault) return text || null;
    try {
      return text + this.close() || null;
    } catch (error) {
      this.#fail(error);
      return text || null;
    }
  }

  /** Records an error. A TypeError comes from fields of the wrong type, which is the provider's fault. */
  #fail(error: unknown): null {
    const fault = error instanceof TypeError ? garbage("sent an event that makes no sense") : error;
    if (!(fault instanceof AppError)) throw fault;
    this.fault = { message: fault.message };
    return null;
  }
}

/** Reads an error that only its name calls one. Those of Anthropic and of responses say in their data what they are. */
function misnamedFault(event: SseEvent): StreamFault | undefined {
  if (event.event !== "error") return undefined;
  const payload = parsedObject(event.data) as { type?: unknown } | undefined;
  return payload?.type === "error" ? undefined : namedFault(event);
}

/** Returns the error for something that a provider should not have sent. */
export function garbage(message: string): AppError {
  return new AppError("provider_error", `the provider ${message}`);
}

/**
 * Converts a whole answer. A TypeError in the conversion comes from fields of the wrong type, which is the provider's
 * fault.
 *
 * @throws AppError `provider_error`
 */
export function converted<T>(convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    throw error instanceof TypeError ? garbage("sent an answer that makes no sense") : error;
  }
}

/**
 * Returns the object in an event's data.
 *
 * @throws AppError `provider_error`
 */
export function payloadOf({ data }: SseEvent): object {
  const payload = parsedObject(data);
  if (payload && data.length > longData) refuseManyParts(payload);
  if (payload) return payload;
  const isWords = data.length <= 500 && !/^\s*[[{"]/.test(data);
  throw garbage(
    isWords
      ? `sent words instead of an event: ${oneLine(data, 500)}`
      : "sent an event that is not a JSON object, or is too large or nested too deeply",
  );
}
