/** A member of a tar file. */
export interface Member {
  /** The path with `/`, without one at its begin. A folder ends with it. */
  path: string;
  content?: Uint8Array | string;
  mode?: number;
  uid?: number;
  gid?: number;
  /** The target of a symbolic link. */
  link?: string;
}

const block = 512;

/**
 * Makes a tar file (POSIX ustar). The same members give the same bytes: nothing of the machine's users and clocks is in it.
 *
 * @param date the time of change of each member
 */
export function tar(members: readonly Member[], date: Date): Uint8Array<ArrayBuffer> {
  const parts = members.flatMap((member) => {
    const content =
      typeof member.content === "string" ? new TextEncoder().encode(member.content) : member.content;
    const size = content?.length ?? 0;
    return [header(member, size, date), ...(content ? [content] : []), new Uint8Array(-size & (block - 1))];
  });
  return Bun.concatArrayBuffers([...parts, new Uint8Array(2 * block)], Number.POSITIVE_INFINITY, true);
}

function header({ path, mode, uid = 0, gid = 0, link }: Member, size: number, date: Date): Uint8Array {
  const bytes = new Uint8Array(block);
  const write = (text: string, at: number, length: number) => {
    const encoded = new TextEncoder().encode(text);
    if (encoded.length > length) throw new Error(`${path} is too long for a tar file`);
    bytes.set(encoded, at);
  };
  const number = (value: number, at: number, length: number) =>
    write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, length);
  const isFolder = path.endsWith("/");
  // A path beyond 100 bytes is split at a slash.
  const cut = path.length <= 100 ? -1 : path.lastIndexOf("/", 154);
  write(path.slice(cut + 1), 0, 100);
  number(mode ?? (isFolder ? 0o755 : 0o644), 100, 8);
  number(uid, 108, 8);
  number(gid, 116, 8);
  number(size, 124, 12);
  number(Math.floor(date.getTime() / 1000), 136, 12);
  write("        ", 148, 8);
  write(link !== undefined ? "2" : isFolder ? "5" : "0", 156, 1);
  if (link !== undefined) write(link, 157, 100);
  write("ustar\x0000", 257, 8);
  if (cut > 0) write(path.slice(0, cut), 345, 155);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return bytes;
}

/** Compresses with gzip. The header has no time and no name. */
export function gzip(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(bytes, { level: 6 });
}

/** The SHA-256 of some bytes, in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
