import { dlopen, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A TCP connection of this process, as the kernel has it. */
export interface OwnConnection {
  localPort: number;
  remotePort: number;
  /** True if small writes go out at once (TCP_NODELAY) instead of waiting for the acknowledgement of earlier ones. */
  noDelay: boolean;
}

const tcpProtocol = 6;
const tcpNoDelay = 1;
/** As /proc shows the state of a connection that is open both ways. */
const established = "01";

/** All TCP connections over IPv4 that this process has open. Linux only. */
export function ownConnections(): OwnConnection[] {
  const libc = dlopen("libc.so.6", {
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  });
  const noDelay = (fd: number): boolean => {
    const value = new Int32Array(1);
    const length = new Int32Array([4]);
    if (libc.symbols.getsockopt(fd, tcpProtocol, tcpNoDelay, ptr(value), ptr(length)) !== 0)
      throw new Error(`getsockopt of ${fd} failed`);
    return value[0] !== 0;
  };
  const ends = new Map<string, [local: number, remote: number]>();
  for (const line of readFileSync("/proc/self/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local = "", remote = "", state, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (state === established) ends.set(`socket:[${inode}]`, [portOf(local), portOf(remote)]);
  }
  const found: OwnConnection[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    const of = ends.get(linkOf(`/proc/self/fd/${name}`));
    if (of) found.push({ localPort: of[0], remotePort: of[1], noDelay: noDelay(Number(name)) });
  }
  libc.close();
  return found;
}

/** Empty for one that has been closed since it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** `0100007F:1F90` */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(":") + 1), 16);
}
