/** The part of a socket that `UnsentBytes` uses. */
interface ByteSocket {
  /** Returns the number of bytes that were taken; less than 0 if the socket is closed. */
  write(bytes: Uint8Array, from?: number, length?: number): number;
}

/** Bytes that a socket has not taken yet. */
export class UnsentBytes {
  /** The number of bytes that wait. */
  length = 0;
  readonly #socket: ByteSocket;
  #parts: Uint8Array[] | undefined;

  constructor(socket: ByteSocket) {
    this.#socket = socket;
  }

  /**
   * Sends bytes after those that wait. They must not change, unless they are in a buffer that is shared: then what waits is
   * copied.
   *
   * @param shared the number of bytes at the beginning of a shared buffer
   */
  write(bytes: Uint8Array, shared?: number): void {
    const length = shared ?? bytes.length;
    const written = this.length === 0 ? Math.max(0, this.#socket.write(bytes, 0, length)) : 0;
    if (written === length) return;
    const rest = bytes.subarray(written, length);
    this.#parts ??= [];
    this.#parts.push(shared === undefined ? rest : Buffer.from(rest));
    this.length += rest.length;
  }

  /** Sends as much as the socket takes. */
  flush(): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    let sent = 0;
    for (const part of parts) {
      const written = Math.max(0, this.#socket.write(part));
      this.length -= written;
      if (written < part.length) {
        parts[sent] = part.subarray(written);
        break;
      }
      sent++;
    }
    if (sent === parts.length) this.#parts = undefined;
    else parts.splice(0, sent);
  }
}
