import type { EndSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { PushedResponse } from "../../net/pushed-response.ts";
import type { Exit } from "../../processes/process-group.ts";
import { type ChatHead, chatCompletion, lastFrames, textFrame, usageOf } from "./chat.ts";
import { type GeminiEvent, GeminiEvents } from "./events.ts";
import type { GeminiRun } from "./run.ts";

/** Milliseconds. `firstByte` is from the start to the first words, `silence` between two parts of a response. */
export interface RunTimeouts {
  firstByte: number;
  silence: number;
}

export interface ReadOptions {
  run: GeminiRun;
  head: ChatHead;
  isStreaming: boolean;
  /** The caller's limit, in tokens. */
  maxTokens: number | undefined;
  timeouts: RunTimeouts;
  signal: EndSignal | undefined;
  /** Returns the error for a run without a whole response. `exit` is undefined while the process runs. */
  explain(exit: Exit | undefined, message: string | undefined): AppError;
}

/** The most that a run may write to stdout, in bytes. */
const maxOutputBytes = 64 * 1024 * 1024;

/** The wait for the exit of a process that reported an error, in milliseconds: its code says more. */
const exitMs = 2000;

/**
 * Turns the events of a run into a response. Resolves with the first words of a stream, or with a whole response. The
 * process is stopped as soon as it is not needed any more.
 *
 * @throws AppError when there is no response; HttpFailure "cancelled" when the signal aborts before that
 */
export function readResponse(options: ReadOptions): Promise<PushedResponse> {
  return new Promise((resolve, reject) => new Call(options, resolve, reject).start());
}

class Call {
  readonly #options: ReadOptions;
  readonly #resolve: (response: PushedResponse) => void;
  readonly #reject: (error: Error) => void;
  readonly #response: PushedResponse;
  readonly #onAbort = () => this.#fail(new HttpFailure("cancelled", "the call was cancelled"));
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasWords = false;
  #text: string[] = [];
  /** The run's own message about its failure. */
  #fault: string | undefined;
  #hasFailed = false;
  #over = false;

  constructor(
    options: ReadOptions,
    resolve: (response: PushedResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const type = options.isStreaming ? "text/event-stream" : "application/json";
    this.#response = new PushedResponse(200, { "content-type": type }, { onCancel: this.#onAbort });
  }

  start(): void {
    const { signal, timeouts } = this.#options;
    if (signal?.aborted) return this.#onAbort();
    signal?.addEventListener("abort", this.#onAbort);
    this.#wait(timeouts.firstByte);
    void this.#read();
  }

  async #read(): Promise<void> {
    const { run, explain } = this.#options;
    const events = new GeminiEvents(maxOutputBytes);
    try {
      for await (const bytes of run.stdout) {
        if (this.#over) return;
        for (const event of events.push(bytes)) this.#take(event);
        if (this.#over) return;
        if (this.#hasWords && !this.#hasFailed) await this.#go();
      }
      if (this.#over) return;
      for (const event of events.end()) this.#take(event);
      this.#fail(explain(await run.closed, this.#fault));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Waits until the reader wants more, and then starts the wait for the next output. */
  async #go(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#response.held) await this.#response.held;
    if (!this.#over) this.#wait(this.#options.timeouts.silence);
  }

  #take(event: GeminiEvent): void {
    if (this.#over || this.#hasFailed) return;
    const { type, role, content } = event;
    if (type === "message" && role === "assistant" && typeof content === "string") this.#say(content);
    else if (type === "error") this.#fault = messageIn(event) ?? this.#fault;
    else if (type === "result") this.#result(event);
  }

  #say(text: string): void {
    if (text === "") return;
    const { isStreaming, head } = this.#options;
    const isFirst = !this.#hasWords;
    this.#hasWords = true;
    if (!isStreaming) {
      this.#text.push(text);
      return;
    }
    this.#response.push(Buffer.from(textFrame(head, text, isFirst)));
    if (isFirst) this.#resolve(this.#response);
  }

  #result(event: GeminiEvent): void {
    const { isStreaming, head, maxTokens } = this.#options;
    // A run that succeeds without a word has written the reason as a warning.
    if (event.status !== "success" || (!this.#hasWords && this.#fault !== undefined)) {
      this.#fault = messageIn(event.error) ?? this.#fault;
      this.#hasFailed = true;
      return this.#wait(exitMs);
    }
    const usage = usageOf(event.stats);
    // The run does not report why the model stopped.
    const reason = maxTokens !== undefined && usage.completion_tokens >= maxTokens ? "length" : "stop";
    const whole = () => JSON.stringify(chatCompletion(head, this.#text.join(""), reason, usage));
    const first = isStreaming && !this.#hasWords ? textFrame(head, "", true) : "";
    this.#response.push(Buffer.from(isStreaming ? first + lastFrames(head, reason, usage) : whole()));
    this.#end();
    this.#response.end();
    this.#resolve(this.#response);
  }

  /** Fails the response after so many milliseconds without output. */
  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#hasFailed) return this.#fail(this.#options.explain(undefined, this.#fault));
      const seconds = milliseconds / 1000;
      this.#fail(new AppError("provider_timeout", `gemini wrote nothing of its response for ${seconds} s`));
    }, milliseconds);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#end();
    this.#response.fail(error);
    this.#reject(error);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#options.run.stop();
  }
}

function messageIn(value: { message?: unknown } | null | undefined): string | undefined {
  return typeof value?.message === "string" && value.message !== "" ? value.message : undefined;
}
