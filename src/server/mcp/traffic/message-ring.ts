import type { MessageFacts } from "./message-facts.ts";

/** One message between a client and the endpoint of a project. */
export interface TrafficMessage extends MessageFacts {
  /** Grows with time, also over restarts of the server. A hundred for each millisecond since 1970. */
  seq: number;
  /** Milliseconds since 1970. */
  at: number;
  from: "client" | "server";
  /** Bytes of the message as JSON. */
  bytes: number;
  /** Of an answer: milliseconds since its request. */
  durationMs?: number;
  /** The HTTP status of an answer to a request that was refused. */
  status?: number;
  userId: string;
  tokenId: string | null;
  /** The begin of the session's id, which tells sessions apart and opens none. */
  session?: string;
  /** The name and version that the client gives. */
  client?: string;
  /** The id of the HTTP request. */
  requestId: string;
  /** UTF-8. Values of secrets are masked. */
  body?: Uint8Array;
  /** True if the body is longer than what is kept. */
  isCut?: true;
  /** The reason why there is no body. */
  leftOut?: string;
}

/** The most messages of one project. */
const maxMessages = 1000;

/** The most bytes of one project. */
const maxBytes = 8 * 1024 * 1024;

/** Bytes that a message takes besides its body. */
const messageBytes = 1024;

/** The newest messages of a project. */
export class MessageRing {
  #messages: TrafficMessage[] = [];
  #bytes = 0;
  #lastDropped = 0;

  /** The bytes that it takes in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message; the oldest ones make room. */
  push(message: TrafficMessage): void {
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    while (this.#messages.length > maxMessages || this.#bytes > maxBytes) this.dropOldest();
  }

  dropOldest(): void {
    const oldest = this.#messages.shift();
    if (!oldest) return;
    this.#bytes -= sizeOf(oldest);
    this.#lastDropped = oldest.seq;
  }

  /** Returns messages after one, the oldest first. */
  after(seq: number, limit: number): TrafficMessage[] {
    const messages = this.#messages;
    let from = messages.length;
    while (from > 0 && messages[from - 1]!.seq > seq) from--;
    return messages.slice(from, from + limit);
  }

  /** Returns the number after which there are `count` messages, or all that are here. */
  seqBefore(count: number): number {
    return this.#messages.at(-count - 1)?.seq ?? this.#lastDropped;
  }

  /** True if messages after one are not here any more. */
  hasDroppedAfter(seq: number): boolean {
    return this.#lastDropped > seq;
  }

  withoutBodies(): void {
    this.#messages = this.#messages.map(({ body: _, isCut: __, leftOut: ___, ...rest }) => rest);
    this.#bytes = this.#messages.reduce((sum, message) => sum + sizeOf(message), 0);
  }

  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
  }
}

function sizeOf({ body }: TrafficMessage): number {
  return messageBytes + (body?.byteLength ?? 0);
}
