import { statfsSync } from "node:fs";

/** File systems over a network, by the number that statfs(2) returns for them. */
const shares: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "SMB"],
  [0xfe534d42, "SMB"],
  [0x00c36400, "Ceph"],
  [0x01021997, "9p"],
  [0x5346414f, "AFS"],
]);

/**
 * Returns the kind of network share that a file is on; undefined for a local disk. SQLite's locks often do not work on
 * one (sqlite.org/faq.html#q5).
 *
 * @param typeOf returns the type of a file system, for tests
 */
export function networkShare(path: string, typeOf = typeOfFileSystem): string | undefined {
  try {
    return shares.get(typeOf(path) >>> 0);
  } catch {
    return undefined;
  }
}

function typeOfFileSystem(path: string): number {
  return Number(statfsSync(path).type);
}
