import { AppError } from "../../../errors.ts";
import { type Libc, openLibc, ptr } from "./libc.ts";

/** A listening TCP socket that systemd has opened, and keeps open while the server restarts. */
export interface PassedSocket {
  descriptor: number;
  hostname: string;
  port: number;
}

/** The first descriptor that sd_listen_fds(3) passes. */
const first = 3;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const AF_INET = 2;
const AF_INET6 = 10;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;

/**
 * Finds the socket that systemd passes to a service with a socket unit, by the variables of sd_listen_fds(3). They are
 * taken out of `env`, and programs that this one starts do not get the socket.
 *
 * @param env the process's own environment
 * @returns undefined where systemd passes none to this process
 * @throws AppError `usage` for several sockets, and for one that is no listening TCP socket
 */
export function passedSocket(
  env: Record<string, string | undefined>,
  libc: Libc | undefined = openLibc(),
): PassedSocket | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"]) delete env[name];
  if (count === undefined || Number(pid) !== process.pid || !libc) return undefined;
  const hint = "the socket unit needs one line ListenStream= with an address and a port";
  if (count !== "1") throw new AppError("usage", `systemd passes ${count} sockets, and not one`, { hint });
  const name = listeningName(libc, first);
  if (!name)
    throw new AppError("usage", "the socket that systemd passes is no listening TCP socket", { hint });
  libc.fcntl(first, F_SETFD, FD_CLOEXEC);
  libc.fcntl(first, F_SETFL, libc.fcntl(first, F_GETFL, 0) | O_NONBLOCK);
  return { descriptor: first, ...name };
}

/** Returns the address of a listening TCP socket; undefined for every other descriptor. */
function listeningName(libc: Libc, descriptor: number): Omit<PassedSocket, "descriptor"> | undefined {
  const length = new Uint32Array([4]);
  const listens = new Int32Array(1);
  if (libc.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, ptr(listens), ptr(length)) !== 0)
    return undefined;
  const address = Buffer.alloc(28);
  length[0] = address.length;
  if (listens[0] !== 1 || libc.getsockname(descriptor, ptr(address), ptr(length)) !== 0) return undefined;
  const family = address.readUInt16LE(0);
  const port = address.readUInt16BE(2);
  if (family === AF_INET) return { hostname: address.subarray(4, 8).join("."), port };
  return family === AF_INET6 ? { hostname: ipv6(address.subarray(8, 24)), port } : undefined;
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  // A URL writes the address in its short form, and in brackets.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
