import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { AppError } from "../../../errors.ts";

const block = 512;

/**
 * Reads one member of a tar.gz, as it is unpacked: the bytes pass through memory in pieces.
 *
 * @param isWanted true for the path of the member
 * @throws AppError if the file is damaged or has no such member
 */
export async function* memberOf(
  archive: string,
  isWanted: (path: string) => boolean,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const input = createReadStream(archive);
  const unpacked = input.pipe(createGunzip());
  input.on("error", (error) => unpacked.destroy(error));
  let rest = Buffer.alloc(0);
  /** Bytes that are left of the present member, and of what fills its last block. */
  let content = 0;
  let filling = 0;
  let wanted = false;
  try {
    for await (const bytes of unpacked) {
      rest = Buffer.concat([rest, bytes as Buffer]);
      while (rest.length > 0) {
        if (content > 0) {
          const part = rest.subarray(0, content);
          if (wanted) yield new Uint8Array(part);
          content -= part.length;
          rest = rest.subarray(part.length);
          if (content === 0 && wanted) return;
        } else if (filling > 0) {
          const skipped = Math.min(filling, rest.length);
          filling -= skipped;
          rest = rest.subarray(skipped);
        } else if (rest.length < block) break;
        else {
          const { path, size } = headerOf(rest.subarray(0, block));
          rest = rest.subarray(block);
          content = size;
          filling = -size & (block - 1);
          wanted = size > 0 && isWanted(path);
        }
      }
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("invalid_request", "the archive of the release cannot be unpacked", { cause });
  } finally {
    input.destroy();
    unpacked.destroy();
  }
  throw new AppError("invalid_request", "the archive of the release has no program for this platform in it");
}

function headerOf(header: Buffer): { path: string; size: number } {
  const text = (from: number, length: number) =>
    header.toString("utf8", from, from + length).replace(/\0[\s\S]*/, "");
  const size = Number.parseInt(text(124, 12) || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new AppError("invalid_request", "the archive of the release cannot be unpacked");
  const prefix = text(345, 155);
  return { path: `${prefix ? `${prefix}/` : ""}${text(0, 100)}`, size };
}
