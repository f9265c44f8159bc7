import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../../wire/dialects/operations.ts";
import { isObject, parsedObject } from "../../../wire/json.ts";
import { SseParser } from "../../../wire/sse.ts";
import type { InferenceTask, TaskStore } from "../../core/store/task-store.ts";
import { providerFailure } from "../failure.ts";
import { wholeAnswer } from "../whole-answer.ts";
import type { LiveAnswer } from "./live-answer.ts";

/** The most bytes of a streamed answer: it is in memory until it ends. */
const mostBytes = 32 * 1024 * 1024;
/** Characters of one part in the store, and milliseconds until a smaller one is written. */
const partCharacters = 64 * 1024;
const partDelay = 500;

/** The part of the store for streamed answers. */
export type PartStore = Pick<TaskStore, "addTaskPart" | "dropTaskParts">;

/**
 * Reads the streamed answer of a task to its end. Each piece goes to the followers at once and to the store soon, so that
 * it outlives the server.
 *
 * @returns the whole answer that the stream says, as JSON
 * @throws AppError if the stream fails, or is too large
 */
export async function readStreamed(
  body: ReadableStream<Uint8Array>,
  { id, runner, operation }: Pick<InferenceTask, "id" | "runner" | "operation">,
  live: LiveAnswer,
  store: PartStore,
  signal: AbortSignal,
): Promise<string> {
  const parts = new PartWriter(store, id, runner);
  const decoder = new TextDecoder();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  /** Text before the answer begins. An error there is none of the answer: the task may be run again. */
  let held: string | undefined = "";
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const text = decoder.decode(value, { stream: true });
      // Comments keep a connection open, and are no part of the answer.
      if (/^(?::[^\n]*\n+)+$/.test(text)) continue;
      bytes += value.length;
      if (bytes > mostBytes) {
        cancel();
        throw new AppError("provider_error", `the answer exceeds ${mostBytes} bytes`);
      }
      pieces.push(value);
      if (held === undefined) {
        live.add(text);
        await parts.add(text);
        continue;
      }
      held += text;
      if (!hasBegun(held)) continue;
      live.add(held);
      await parts.begin(held);
      held = undefined;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await parts.end();
  }
  signal.throwIfAborted();
  const { dialect } = operations[operation as Operation];
  const { text, fault } = await wholeAnswer(Buffer.concat(pieces), dialect, false);
  if (fault) throw providerFailure(fault.status ?? 502, fault, dialects[dialect].family, undefined);
  return text;
}

/** True for a text of events in which an answer has begun: there is more in it than an error. */
function hasBegun(text: string): boolean {
  const parser = new SseParser();
  const events = [...parser.push(Buffer.from(text)), ...parser.end()];
  return events.some(({ data }) => {
    const body = parsedObject(data);
    return isObject(body) && !body.error && body.type !== "error" && body.type !== "response.failed";
  });
}

/** True for an operation whose answers can be streams of a dialect. */
export function canStream(operation: string): boolean {
  return isDialect(operation as Operation);
}

/** Writes the text of an answer into the store, in parts. */
class PartWriter {
  readonly #store: PartStore;
  readonly #id: string;
  readonly #runner: string;
  #text = "";
  #parts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written: Promise<unknown> = Promise.resolve();

  constructor(store: PartStore, id: string, runner: string) {
    this.#store = store;
    this.#id = id;
    this.#runner = runner;
  }

  /**
   * Writes the first text, in the place of the parts of an earlier call. It decides if the task can be run again. Throws
   * StoreError.
   */
  async begin(text: string): Promise<void> {
    await this.#store.dropTaskParts(this.#id);
    this.#text = text;
    await this.end();
  }

  /** Adds text. Throws StoreError. */
  async add(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= partCharacters) await this.end();
    else this.#timer ??= setTimeout(() => this.#write(), partDelay);
  }

  /** Writes the rest. Throws StoreError. */
  async end(): Promise<void> {
    this.#write();
    await this.#written;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    const seq = this.#parts++;
    this.#written = this.#written.then(() => this.#store.addTaskPart(this.#id, this.#runner, seq, text));
    // Whoever awaits it gets the error.
    this.#written.catch(() => {});
  }
}
