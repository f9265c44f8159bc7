import { nextTurn } from "./next-turn.ts";

/** A piece of fewer bytes is copied: as an object of its own it would cost hundreds of bytes more. */
const smallPiece = 4 * 1024;
/** The most bytes of a block that small pieces are copied into. */
const largestBlock = 64 * 1024;
/** Bytes that are joined in one turn of the event loop: for each page of new memory the kernel takes 3 to 11 µs. */
const joinedAtOnce = 2 * 1024 * 1024;

/** Bytes that arrive in pieces and are needed whole. Memory is linear in the bytes, however small the pieces are (T63). */
export class Pieces {
  /** Undefined while there is one piece at most. */
  #parts: Uint8Array[] | undefined;
  /** The piece, while there is only one. */
  #only: Uint8Array | undefined;
  /** The last part, if small pieces are copied into it; `#used` bytes of it are filled. */
  #block: Uint8Array | undefined;
  #used = 0;
  length = 0;

  /** Adds a piece. A large one is kept as it is, and must not change. */
  add(piece: Uint8Array): void {
    this.length += piece.length;
    // Most answers come in one piece.
    if (this.#only === undefined && this.#parts === undefined) this.#only = piece;
    else this.#addTo(this.#parts ?? this.#begin(), piece);
  }

  #begin(): Uint8Array[] {
    this.#parts = [this.#only!];
    this.#only = undefined;
    return this.#parts;
  }

  #addTo(parts: Uint8Array[], piece: Uint8Array): void {
    if (piece.length >= smallPiece) {
      this.#closeBlock();
      parts.push(piece);
      return;
    }
    if (this.#block !== undefined && this.#used + piece.length > this.#block.length) this.#closeBlock();
    if (this.#block === undefined) {
      this.#block = new Uint8Array(Math.min(largestBlock, Math.max(smallPiece, this.length)));
      parts.push(this.#block);
    }
    this.#block.set(piece, this.#used);
    this.#used += piece.length;
  }

  /** True if all bytes came in one piece. */
  get isOnePart(): boolean {
    return this.#only !== undefined;
  }

  /** Returns the parts in their order and forgets them. */
  takeParts(): Buffer[] {
    this.#closeBlock();
    const parts = this.#parts ?? (this.#only ? [this.#only] : []);
    this.#parts = this.#only = undefined;
    this.length = 0;
    return parts.map(asBuffer);
  }

  /** Returns all bytes and forgets them. */
  take(): Buffer {
    const only = this.#only;
    if (only === undefined) return Buffer.concat(this.takeParts());
    this.#only = undefined;
    this.length = 0;
    return asBuffer(only);
  }

  /** Returns all bytes as `take` does, and forgets them at once. Many are joined in several turns of the event loop. */
  async takeInTurns(): Promise<Buffer> {
    return this.length <= joinedAtOnce || this.isOnePart ? this.take() : joinInTurns(this.takeParts());
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    this.#parts![this.#parts!.length - 1] = this.#block.subarray(0, this.#used);
    this.#block = undefined;
    this.#used = 0;
  }
}

function asBuffer(part: Uint8Array): Buffer {
  return Buffer.isBuffer(part) ? part : Buffer.from(part.buffer, part.byteOffset, part.length);
}

/** Returns the bytes of several parts as one, as `Buffer.concat` does, in several turns of the event loop. */
export async function joinInTurns(parts: readonly Uint8Array[]): Promise<Buffer<ArrayBuffer>> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length <= joinedAtOnce) return Buffer.concat(parts);
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let left = joinedAtOnce;
  for (const part of parts)
    for (let from = 0; from < part.length; ) {
      if (left === 0) {
        await nextTurn();
        left = joinedAtOnce;
      }
      const piece = part.subarray(from, from + left);
      whole.set(piece, at);
      from += piece.length;
      at += piece.length;
      left -= piece.length;
    }
  return whole;
}
