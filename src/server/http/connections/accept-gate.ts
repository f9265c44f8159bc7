import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Libc, ptr } from "./libc.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLONESHOT = 0x4000_0000;
const O_CLOEXEC = 0o2000000;

/**
 * Pauses and resumes the acceptance of connections by changing which events Bun's event loop gets for its listening
 * socket. `Bun.serve` has nothing for it: without descriptors it tries to accept again and again.
 */
export class AcceptGate {
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #listener: number;
  readonly #events: number;
  readonly #data: bigint;

  private constructor(
    libc: Libc,
    listener: number,
    { epoll, events, data }: { epoll: number; events: number; data: bigint },
  ) {
    this.#libc = libc;
    this.#epoll = epoll;
    this.#listener = listener;
    this.#events = events;
    this.#data = data;
  }

  /** Finds a listening socket in the event loop. Returns undefined if it is not there, or without `/proc`. */
  static find(libc: Libc, listener: number): AcceptGate | undefined {
    if (!existsSync("/proc/self/fdinfo")) return undefined;
    for (const entry of readdirSync("/proc/self/fd")) {
      if (linkOf(entry) !== "anon_inode:[eventpoll]") continue;
      const info = readFileSync(`/proc/self/fdinfo/${entry}`, "utf8");
      const line = new RegExp(`^tfd: +${listener} events: +([0-9a-f]+) data: +([0-9a-f]+)`, "m").exec(info);
      if (!line) continue;
      const found = {
        epoll: Number(entry),
        events: Number.parseInt(line[1]!, 16),
        data: BigInt(`0x${line[2]}`),
      };
      return new AcceptGate(libc, listener, found);
    }
    return undefined;
  }

  /** True if connections were accepted when it was found. */
  get isOpen(): boolean {
    return (this.#events & EPOLLIN) !== 0;
  }

  /** Accepts nothing. Connections wait in the queue of the kernel. */
  pause(): void {
    this.#set(0);
  }

  /** Accepts what waits in the queue, once. */
  acceptOnce(): void {
    this.#set(this.#events | EPOLLONESHOT);
  }

  /** Accepts connections as they come. */
  resume(): void {
    this.#set(this.#events);
  }

  /**
   * Puts another listening socket in the place of this one: connections come from there. `Bun.serve` cannot listen on a
   * socket that is open already.
   *
   * @param descriptor another one of that socket, which is closed
   * @returns false if the system does not allow it
   */
  replaceBy(descriptor: number): boolean {
    // The event loop forgets a socket when it is closed, which dup3 does.
    if (this.#libc.dup3(descriptor, this.#listener, O_CLOEXEC) < 0) return false;
    this.#libc.close(descriptor);
    return this.#set(this.#events, EPOLL_CTL_ADD);
  }

  #set(events: number, operation = EPOLL_CTL_MOD): boolean {
    // `struct epoll_event` has no padding on x86-64.
    const offset = process.arch === "x64" ? 4 : 8;
    const event = Buffer.alloc(16);
    event.writeUInt32LE(events, 0);
    event.writeBigUInt64LE(this.#data, offset);
    return this.#libc.epoll_ctl(this.#epoll, operation, this.#listener, ptr(event)) === 0;
  }
}

function linkOf(entry: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${entry}`);
  } catch {
    return undefined;
  }
}
