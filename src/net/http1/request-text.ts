import type { Socket } from "bun";

/** The most bytes of a request that is written from the shared buffer. */
const sharedBytes = 64 * 1024;
/** Text has three bytes of UTF-8 for a character at most. */
const mostCharacters = Math.floor(sharedBytes / 3);

/** Requests become bytes here, one after the other, when they are written: a buffer for each would cost more than the copy. */
const shared = Buffer.allocUnsafeSlow(sharedBytes);

/** A request whose body is a short text. It becomes bytes when it is written, and again where it is sent once more. */
export class RequestText {
  readonly #head: string;
  readonly #body: string;

  private constructor(head: string, body: string) {
    this.#head = head;
    this.#body = body;
  }

  /**
   * Returns a request; undefined where it is too long.
   *
   * @param head with the empty line at its end; ASCII
   */
  static of(head: string, body: string): RequestText | undefined {
    return head.length + body.length <= mostCharacters ? new RequestText(head, body) : undefined;
  }

  /** Writes the request to a socket. Returns the bytes that it did not take, if any; "closed" for a closed one. */
  writeTo(socket: Pick<Socket, "write">): Buffer | "closed" | undefined {
    const headLength = shared.write(this.#head, 0, "latin1");
    const length = headLength + shared.write(this.#body, headLength);
    const written = socket.write(shared, 0, length);
    if (written < 0) return "closed";
    return written === length ? undefined : Buffer.from(shared.subarray(written, length));
  }
}
