import type { FileHandle } from "node:fs/promises";

const pieceBytes = 256 * 1024;

/** Yields the bytes of a file from its beginning. They share one buffer: a piece is gone when the next one is asked for. */
export async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, pieceBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
