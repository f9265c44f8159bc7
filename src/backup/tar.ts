import { damaged } from "./manifest.ts";

/** Bytes of a block: members begin at a multiple of them. */
export const tarBlock = 512;
const endOfArchive = 2 * tarBlock;
/** The most bytes of one member. Writers begin a new one much earlier. */
const maxMemberBytes = 256 * 1024 * 1024;

/** Returns the header of a file (POSIX.1-1988 ustar). Its owner is nobody in particular, and only the owner may read it. */
export function tarHeader(name: string, size: number, seconds: number): Buffer {
  const header = Buffer.alloc(tarBlock);
  header.write(name, 0, 100);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write(`${Math.floor(seconds).toString(8).padStart(11, "0")}\0`, 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\0" + "00", 257);
  header.write(`${sumOf(header).toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** Returns the zeros behind a member of a size, or at the end of the archive. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((tarBlock - (size % tarBlock)) % tarBlock);
}

export function tarEnd(): Buffer {
  return Buffer.alloc(endOfArchive);
}

function sumOf(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < tarBlock; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  return sum;
}

/** A member of an archive, or a piece of the one before. */
export type TarEvent = { name: string; size: number } | { bytes: Buffer };

/**
 * Reads an archive as `tarHeader` writes it: plain files and nothing else. Nothing of it is written to a disk, so that
 * its names can do no harm (T237).
 *
 * @throws AppError `invalid_request` for everything else, also for bytes behind the end
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEvent> {
  const pieces = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { done, value } = await pieces.next();
    if (done) return false;
    held = held.length === 0 ? viewOf(value) : Buffer.concat([held, value]);
    return true;
  };
  const take = async (length: number): Promise<Buffer> => {
    while (held.length < length) if (!(await more())) throw damaged("it ends too early");
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  try {
    for (;;) {
      const header = await take(tarBlock);
      if (isZero(header)) {
        if (!isZero(await take(tarBlock))) throw damaged("its archive has a gap");
        break;
      }
      const member = memberOf(header);
      yield member;
      for (let left = member.size; left > 0; ) {
        if (held.length === 0 && !(await more())) throw damaged("it ends too early");
        const bytes = held.subarray(0, left);
        held = held.subarray(bytes.length);
        left -= bytes.length;
        yield { bytes };
      }
      if (!isZero(await take(tarPadding(member.size).length))) throw damaged("its archive has a gap");
    }
    if (held.length > 0 || (await more())) throw damaged("there are bytes behind its end");
  } finally {
    await pieces.return?.();
  }
}

function memberOf(header: Buffer): { name: string; size: number } {
  const field = (start: number, length: number) => {
    const bytes = header.subarray(start, start + length);
    const end = bytes.indexOf(0);
    return bytes.toString("latin1", 0, end < 0 ? length : end);
  };
  const octal = /^[0-7]{11}$/.exec(field(124, 12))?.[0];
  const name = field(0, 100);
  const size = Number.parseInt(octal ?? "", 8);
  if (octal === undefined || !tarHeader(name, size, Number.parseInt(field(136, 12), 8) || 0).equals(header))
    throw damaged("its archive has a header that mcpctl does not write");
  if (size > maxMemberBytes) throw damaged(`a member has ${size} bytes`);
  return { name, size };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
