import { callerLeft } from "../../../errors.ts";
import type { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import type { ServerConnection } from "./server-connection.ts";

/** One request on a connection, and its response. */
export class ServerExchange {
  /** True once the caller has shown a valid bearer. */
  isKnown = false;
  /** Called when the caller takes more bytes again. */
  onDrain: (() => void) | undefined;
  /** Called when the caller has gone before the end of its response. */
  onGone: (() => void) | undefined;
  #ended: AbortController | undefined;
  #isGone = false;

  /** @param body undefined where the request has none */
  constructor(
    readonly connection: ServerConnection,
    readonly head: RequestHead,
    readonly body: RequestBody | undefined,
  ) {}

  /** Aborts when the caller has gone. It is made when it is asked for. */
  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#isGone) this.#ended.abort();
    }
    return this.#ended.signal;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** @internal The caller has gone. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.body?.fail(callerLeft());
    this.#ended?.abort();
    this.onGone?.();
  }
}
