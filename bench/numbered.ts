/** Streams whose tokens are numbered, so that each gap and each repetition is seen. */

/** Milliseconds on a clock that all processes of this machine share. */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Content of a token: its number, from 1, and the time at which it was sent. */
export function tokenText(number: number): string {
  return `${number} ${sharedNow().toFixed(3)}`;
}

/**
 * The end of a stream: whole, in one error that says its code, or in a way that no stream may end, which is told in
 * words. `[DONE]` is the last frame in any case.
 */
export type Ending = { whole: true } | { error: string } | { wrong: string };

/** Reads one stream of the chat dialect. */
export class NumberedStream {
  /** Of tokens, in order. */
  count = 0;
  readonly #expected: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #lag: ((milliseconds: number) => void) | undefined;
  #text = "";
  #finished = false;
  #done = false;
  #error: string | undefined;
  #wrong: string | undefined;

  /**
   * @param expected how many tokens a whole one has
   * @param lag told of each token, how long ago it was sent
   */
  constructor(expected: number, lag?: (milliseconds: number) => void) {
    this.#expected = expected;
    this.#lag = lag;
  }

  /** Takes bytes as they come. Returns how many tokens they completed. */
  push(bytes: Uint8Array): number {
    const before = this.count;
    this.#text += this.#decoder.decode(bytes, { stream: true });
    for (let end = this.#text.indexOf("\n\n"); end >= 0; end = this.#text.indexOf("\n\n")) {
      const frame = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      this.#read(frame);
    }
    return this.count - before;
  }

  /** Says how it ended, once nothing more comes. */
  ending(): Ending {
    if (this.#text.trim() !== "") this.#blame("it ended inside a frame");
    if (this.#wrong !== undefined) return { wrong: this.#wrong };
    if (!this.#done) return { wrong: `it ended after ${this.count} tokens, and does not say so` };
    if (this.#error !== undefined) return { error: this.#error };
    if (!this.#finished || this.count !== this.#expected)
      return { wrong: `it says that it is whole, with ${this.count} of ${this.#expected} tokens` };
    return { whole: true };
  }

  #read(frame: string): void {
    // A comment keeps a quiet stream open.
    if (frame === "" || frame.startsWith(":")) return;
    if (this.#done) return this.#blame(`it goes on after its end: ${frame}`);
    if (!frame.startsWith("data: ")) return this.#blame(`it has a frame without data: ${frame}`);
    if (frame === "data: [DONE]") {
      this.#done = true;
      return;
    }
    if (this.#error !== undefined) return this.#blame(`it goes on after its error: ${frame}`);
    const { choices, error } = JSON.parse(frame.slice(6)) as Frame;
    if (error) {
      this.#error = String(error.code ?? error.type);
      if (!error.message) this.#blame("its error has no message");
      return;
    }
    const [choice] = choices ?? [];
    if (choice?.finish_reason) this.#finished = true;
    if (choice?.delta?.content) this.#token(choice.delta.content);
  }

  #token(text: string): void {
    const [number, time] = text.split(" ").map(Number) as [number, number];
    if (number !== this.count + 1) this.#blame(`token ${number} came after token ${this.count}`);
    this.count = number;
    this.#lag?.(sharedNow() - time);
  }

  /** The first thing that is wrong tells most. */
  #blame(what: string): void {
    this.#wrong ??= what.slice(0, 300);
  }
}

interface Frame {
  choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
  error?: { message?: string; type?: string; code?: string | null };
}
