import { createHash, timingSafeEqual } from "node:crypto";
import { damaged } from "./manifest.ts";

/** A frame that programs for zstd skip: RFC 8878, 3.1.2. */
const skippableMagic = 0x184d2a50;
const label = Buffer.from("mcpctl backup sha256 ");
const hashBytes = 32;
const sealBytes = 8 + label.length + hashBytes;

/** Returns the frame that ends a backup, with the hash of all bytes before it. */
function sealOf(hash: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(skippableMagic, 0);
  head.writeUInt32LE(label.length + hashBytes, 4);
  return Buffer.concat([head, label, hash]);
}

/**
 * Adds a seal behind the bytes of a backup. The checksums of zstd leave out some bits that no reader looks at; with the
 * seal, every changed bit and every missing byte is noticed.
 */
export async function* sealed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
  yield sealOf(hash.digest());
}

/** Checks the seal of a backup, and takes it off. The error comes at the end. Throws AppError `invalid_request`. */
export async function* unsealed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let held: Uint8Array = Buffer.alloc(0);
  for await (const piece of bytes) {
    // What comes after it shows that this is not the seal. Mostly without a copy of the whole piece.
    const isLong = piece.length >= sealBytes;
    const all = isLong ? piece : Buffer.concat([held, piece]);
    const end = Math.max(0, all.length - sealBytes);
    for (const ready of isLong ? [held, all.subarray(0, end)] : [all.subarray(0, end)]) {
      if (ready.length === 0) continue;
      hash.update(ready);
      yield ready;
    }
    held = Buffer.from(all.subarray(end));
  }
  const seal = sealOf(hash.digest());
  if (held.length !== seal.length || !timingSafeEqual(held, seal))
    throw damaged("its bytes are not those that were written");
}
