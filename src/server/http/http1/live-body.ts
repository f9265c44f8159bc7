import { type BodyTaker, type LiveBody, waitingBytes } from "../../core/live-response.ts";
import { lastChunk, sendChunk } from "./chunk.ts";
import type { ResponseWatcher, ServerExchange } from "./server-exchange.ts";

/**
 * Sends a body as it is made, as the response of an exchange. Nothing waits for a turn of the event loop: what comes from a
 * provider is sent while it is read.
 *
 * @param first the lines of the head, without those of the framing
 */
export function sendLive(exchange: ServerExchange, first: string, live: LiveBody): void {
  if (exchange.isGone) return live.cancel();
  const taker = new ExchangeTaker(exchange, first, live);
  exchange.watcher = taker;
  exchange.forgetRequest();
  live.open(taker);
  taker.sendHead();
  if (taker.desiredSize > 0) live.pull();
}

/** Writes a body to the connection of an exchange, in chunks where the caller knows them. */
class ExchangeTaker implements BodyTaker, ResponseWatcher {
  readonly #exchange: ServerExchange;
  readonly #live: LiveBody;
  readonly #isChunked: boolean;
  readonly #isLast: boolean;
  /** The head, until it is sent with the first bytes. */
  #head: Buffer | undefined;

  constructor(exchange: ServerExchange, first: string, live: LiveBody) {
    const { connection, head } = exchange;
    this.#exchange = exchange;
    this.#live = live;
    this.#isChunked = head.minorVersion === 1;
    this.#isLast = connection.isLast || !this.#isChunked;
    const framing = this.#isChunked ? "transfer-encoding: chunked\r\n" : "";
    this.#head = Buffer.from(
      `${first}${framing}${this.#isLast ? "connection: close\r\n" : ""}\r\n`,
      "latin1",
    );
  }

  get desiredSize(): number {
    return waitingBytes - this.#exchange.connection.unsent;
  }

  drained(): void {
    if (this.#exchange.connection.unsent <= waitingBytes / 2) this.#live.pull();
  }

  gone(): void {
    this.#live.cancel();
  }

  sendHead(): void {
    if (this.#head && !this.#exchange.isGone) this.#exchange.connection.write(this.#head);
    this.#head = undefined;
  }

  enqueue(bytes: Uint8Array): void {
    if (bytes.length > 0 && !this.#exchange.isGone) this.#write(bytes);
  }

  closeWith(bytes: Uint8Array): void {
    this.#end(bytes);
  }

  close(): void {
    this.#end();
  }

  error(): void {
    this.#forget();
    // The caller sees that its response is not whole.
    this.#exchange.connection.destroy();
  }

  #end(bytes?: Uint8Array): void {
    const { connection, isGone } = this.#exchange;
    this.#forget();
    if (isGone) return;
    if (bytes) this.#write(bytes, true);
    else {
      this.sendHead();
      if (this.#isChunked) connection.write(lastChunk);
    }
    connection.responded(this.#isLast);
  }

  /** Nobody is told any more that the caller takes more, or has gone. */
  #forget(): void {
    this.#exchange.watcher = undefined;
  }

  /** Sends bytes, after the head if it has not been sent. */
  #write(bytes: Uint8Array, isLast = false): void {
    const head = this.#head;
    this.#head = undefined;
    const { connection } = this.#exchange;
    if (this.#isChunked) sendChunk(connection, bytes, isLast, head);
    else connection.write(head ? Buffer.concat([head, bytes]) : bytes);
  }
}
