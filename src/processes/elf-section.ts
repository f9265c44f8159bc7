import { closeSync, openSync, readSync } from "node:fs";

/** A part of a file. Bytes. */
export interface FilePart {
  offset: number;
  length: number;
}

/** Returns where a section is in a program for 64-bit Linux; undefined if there is none. Throws if the file cannot be read. */
export function elfSection(path: string, name: string): FilePart | undefined {
  const file = openSync(path, "r");
  try {
    const read = (offset: number, length: number) => {
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, offset);
      return bytes;
    };
    // The layout of the headers: elf(5).
    const header = read(0, 64);
    if (header.toString("latin1", 0, 6) !== "\x7fELF\x02\x01") return undefined;
    const size = header.readUInt16LE(58);
    const table = read(Number(header.readBigUInt64LE(40)), size * header.readUInt16LE(60));
    const partAt = (at: number): FilePart => ({
      offset: Number(table.readBigUInt64LE(at + 24)),
      length: Number(table.readBigUInt64LE(at + 32)),
    });
    const namesPart = partAt(size * header.readUInt16LE(62));
    const names = read(namesPart.offset, namesPart.length).toString("latin1");
    for (let at = 0; at < table.length; at += size) {
      const start = table.readUInt32LE(at);
      if (names.slice(start, names.indexOf("\0", start)) === name) return partAt(at);
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
