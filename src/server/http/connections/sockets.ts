import type { Descriptors } from "./descriptors.ts";
import { type Libc, ptr } from "./libc.ts";
import type { OpenConnection } from "./victims.ts";

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_INFO = 11;
const SHUT_RDWR = 2;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const AF_INET = 2;
const AF_INET6 = 10;

/** Offsets in `struct tcp_info` (linux/tcp.h). Times are milliseconds ago. */
const tcpInfo = { unacknowledged: 24, lastSent: 44, lastReceived: 52, lastAcknowledged: 56 };

/** The signs of life that the kernel asks a silent peer for before it gives the connection up. */
const probes = 4;

/** The TCP sockets of one listening port: `Bun.serve` shows connections only while they have a request. */
export class Sockets {
  readonly #libc: Libc;
  readonly #descriptors: Descriptors;
  readonly #port: number;
  /** The descriptors of the listening socket: each worker has one of its own. */
  readonly listeners: readonly number[];
  readonly #address = Buffer.alloc(28);
  readonly #info = Buffer.alloc(128);
  #vanishedAfter = Number.POSITIVE_INFINITY;
  readonly #length = new Uint32Array(1);

  private constructor(libc: Libc, descriptors: Descriptors, port: number) {
    this.#libc = libc;
    this.#descriptors = descriptors;
    this.#port = port;
    this.listeners = descriptors.list().filter((descriptor) => this.#isListener(descriptor));
  }

  /** Finds the sockets of a port on which this process listens. Returns undefined if it cannot see its descriptors. */
  static find(libc: Libc, descriptors: Descriptors, port: number): Sockets | undefined {
    const sockets = new Sockets(libc, descriptors, port);
    return sockets.listeners.length === 0 ? undefined : sockets;
  }

  /**
   * Has the kernel look after silent peers, and limits its queue of new connections. Accepted sockets inherit the options
   * of the listener.
   *
   * @param backlog the most connections that wait to be accepted
   * @param vanishedSeconds seconds of silence after which a peer has vanished
   */
  configure(backlog: number, vanishedSeconds: number): void {
    this.#set(SOL_SOCKET, SO_KEEPALIVE, 1);
    this.#set(IPPROTO_TCP, TCP_KEEPIDLE, Math.ceil(vanishedSeconds / 2));
    this.#set(IPPROTO_TCP, TCP_KEEPINTVL, Math.ceil(vanishedSeconds / 2 / probes));
    this.#set(IPPROTO_TCP, TCP_KEEPCNT, probes);
    this.#vanishedAfter = vanishedSeconds * 1000;
    this.#libc.listen(this.listeners[0]!, backlog);
  }

  /** Returns the connections that are open. */
  list(): OpenConnection[] {
    const connections: OpenConnection[] = [];
    for (const descriptor of this.#descriptors.list()) {
      if (this.listeners.includes(descriptor) || !this.#isOwn(descriptor)) continue;
      if (!this.#read(this.#libc.getpeername, descriptor)) continue;
      const { address, port } = this.#peer();
      this.#length[0] = this.#info.length;
      if (this.#libc.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, ptr(this.#info), ptr(this.#length)) !== 0)
        continue;
      const at = (offset: number) => this.#info.readUInt32LE(offset);
      connections.push({
        descriptor,
        address,
        port,
        idle: Math.min(at(tcpInfo.lastSent), at(tcpInfo.lastReceived)),
        hasUnread: this.#libc.recv(descriptor, ptr(this.#address), 1, MSG_PEEK | MSG_DONTWAIT) > 0,
        hasVanished: at(tcpInfo.unacknowledged) > 0 && at(tcpInfo.lastAcknowledged) > this.#vanishedAfter,
      });
    }
    return connections;
  }

  /** Ends a connection. Bun closes its descriptor in the next turn of the event loop. */
  end({ descriptor }: OpenConnection): void {
    this.#libc.shutdown(descriptor, SHUT_RDWR);
  }

  #set(level: number, option: number, value: number): void {
    this.#libc.setsockopt(this.listeners[0]!, level, option, ptr(new Int32Array([value])), 4);
  }

  #isListener(descriptor: number): boolean {
    if (!this.#isOwn(descriptor)) return false;
    const value = new Int32Array(1);
    this.#length[0] = 4;
    this.#libc.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, ptr(value), ptr(this.#length));
    return value[0] === 1;
  }

  #isOwn(descriptor: number): boolean {
    if (!this.#read(this.#libc.getsockname, descriptor)) return false;
    const family = this.#address.readUInt16LE(0);
    return (family === AF_INET || family === AF_INET6) && this.#address.readUInt16BE(2) === this.#port;
  }

  #read(name: Libc["getsockname"], descriptor: number): boolean {
    this.#length[0] = this.#address.length;
    return name(descriptor, ptr(this.#address), ptr(this.#length)) === 0;
  }

  #peer(): { address: string; port: number } {
    const bytes = this.#address;
    const port = bytes.readUInt16BE(2);
    if (bytes.readUInt16LE(0) === AF_INET) return { address: bytes.subarray(4, 8).join("."), port };
    const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(8 + 2 * at).toString(16));
    const address = groups.join(":");
    if (!address.startsWith("0:0:0:0:0:ffff:")) return { address, port };
    return { address: bytes.subarray(20, 24).join("."), port };
  }
}
