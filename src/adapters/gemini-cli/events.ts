import { AppError } from "../../errors.ts";
import { ByteLines } from "../../wire/byte-lines.ts";
import { parsedObject } from "../../wire/json.ts";

/** One line of `--output-format stream-json`: https://geminicli.com/docs/cli/headless. */
export interface GeminiEvent {
  type: string;
  /** Field of `message`: `user` or `assistant`. */
  role?: unknown;
  content?: unknown;
  /** Field of `error`: `error` or `warning`. */
  severity?: unknown;
  message?: unknown;
  /** Field of `result`: `success` or `error`. */
  status?: unknown;
  error?: { type?: unknown; message?: unknown } | null;
  stats?: GeminiStats | null;
}

/** Tokens of a run. The total includes the model's thoughts, the output does not. */
export interface GeminiStats {
  total_tokens?: unknown;
  input_tokens?: unknown;
  output_tokens?: unknown;
  cached?: unknown;
}

/** Reads events from bytes that are cut anywhere. Time is linear in the bytes, however small the pieces are. */
export class GeminiEvents {
  readonly #maxBytes: number;
  readonly #lines: ByteLines;
  #bytes = 0;
  #isStarted = false;

  /** @param maxBytes The most bytes of a whole run. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#lines = new ByteLines(maxBytes);
  }

  /**
   * Takes the next bytes and returns the events that they complete. Lines before the first event that are not JSON are
   * notices.
   *
   * @throws AppError `provider_error` when a line cannot be read, or all lines are larger than allowed
   */
  push(bytes: Uint8Array): GeminiEvent[] {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes)
      throw new AppError("provider_error", `gemini wrote more than ${this.#maxBytes} bytes`);
    const events: GeminiEvent[] = [];
    for (const line of this.#lines.push(bytes)) this.#read(line, events);
    return events;
  }

  /** Ends the run. Returns an event that lacked only its line end. */
  end(): GeminiEvent[] {
    const events: GeminiEvent[] = [];
    this.#read(this.#lines.rest(), events);
    return events;
  }

  #read(text: string, events: GeminiEvent[]): void {
    const line = text.trim();
    if (line === "") return;
    const event = parsed(line);
    if (event) {
      this.#isStarted = true;
      events.push(event);
    } else if (this.#isStarted) throw new AppError("provider_error", "gemini wrote a line that is not JSON");
  }
}

function parsed(line: string): GeminiEvent | undefined {
  const value = parsedObject(line);
  return value && "type" in value && typeof value.type === "string" ? (value as GeminiEvent) : undefined;
}
