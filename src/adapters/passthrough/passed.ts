import { chatUsage } from "../../wire/dialects/chat.ts";
import type { PassedOperation } from "../../wire/dialects/operations.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import { noUsage, tokenCount, type Usage, usageOf } from "../../wire/dialects/usage.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { reportedFault } from "../provider-fault.ts";
import type { StreamFault, StreamPipe } from "../types.ts";
import { toldUnits } from "./billed-units.ts";
import { PassthroughPipe } from "./pipe.ts";
import { hasAny, type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/**
 * Returns the tokens and other units of an answer of an operation that only passes through; undefined where none are told.
 * Each API has its own names: OpenAI's audio and images those of responses, completions those of chat, Jina and vLLM a
 * total. Tokens of an image that is made are those of images, also where the provider does not tell them apart.
 *
 * @param operation undefined for an event of a stream
 */
export function passedUsage(body: unknown, operation?: PassedOperation): Usage | undefined {
  const usage = usageOf(body);
  const units = toldUnits(operation, body);
  if (!isObject(usage)) return Object.keys(units).length > 0 ? { ...noUsage, ...units } : undefined;
  const told = chatUsage(usage) ?? noUsage;
  const isTotal = told.promptTokens === 0 && told.completionTokens === 0;
  const isDrawn = operation?.startsWith("image") === true && !isObject(usage.output_tokens_details);
  return {
    ...told,
    ...units,
    ...(isTotal && { promptTokens: tokenCount(usage.total_tokens) }),
    ...(isDrawn && told.completionTokens > 0 && { imageOutputTokens: told.completionTokens }),
  };
}

const marks = ['"usage"', '"error"', "event:"].map((text) => Buffer.from(text));

/** Watches events of any names for the usage and an error. */
class AnyEvents implements StreamWatch {
  readonly finished = false;
  readonly terminal = undefined;
  readonly largestHeldFrame = usualFrameBytes;
  usage: Usage = noUsage;
  fault: StreamFault | undefined;

  mayMatter(bytes: Uint8Array): boolean {
    return hasAny(bytes, marks);
  }

  read({ event, data }: SseEvent): Verdict {
    const body = parsedObject(data);
    if (event === "error" || (isObject(body) && (body["type"] === "error" || body["error"]))) {
      this.fault = reportedFault(body);
      return "fault";
    }
    this.usage = passedUsage(body) ?? this.usage;
    return "keep";
  }
}

/** Passes a stream through that is whole when the provider closes it in good order: no event ends it for all APIs. */
class UntilClosed implements StreamPipe {
  readonly done = false;
  finished = false;
  readonly position: StreamPosition | undefined = undefined;
  readonly #pipe: PassthroughPipe | undefined;

  /** @param pipe reads the events; undefined for bytes that are none */
  constructor(pipe?: PassthroughPipe) {
    this.#pipe = pipe;
  }

  get usage(): Usage {
    return this.#pipe?.usage ?? noUsage;
  }

  get fault(): StreamFault | undefined {
    return this.#pipe?.fault;
  }

  push(chunk: Uint8Array): Uint8Array | null {
    return this.#pipe ? this.#pipe.push(chunk) : chunk;
  }

  end(): Uint8Array | string | null {
    this.finished = true;
    return this.#pipe?.end() ?? null;
  }
}

/** Returns the pipe of a stream of events of any names, such as those of a transcription. */
export function passedEvents(): StreamPipe {
  return new UntilClosed(new PassthroughPipe(new AnyEvents()));
}

/** Returns the pipe of bytes that are no events, such as speech. */
export function passedBytes(): StreamPipe {
  return new UntilClosed();
}
