import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Libc, ptr } from "./libc.ts";

const EPOLL_CTL_MOD = 3;
const EPOLLONESHOT = 0x4000_0000;

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

  #set(events: number): void {
    // `struct epoll_event` has no padding on x86-64.
    const offset = process.arch === "x64" ? 4 : 8;
    const event = Buffer.alloc(16);
    event.writeUInt32LE(events, 0);
    event.writeBigUInt64LE(this.#data, offset);
    this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_MOD, this.#listener, ptr(event));
  }
}

function linkOf(entry: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${entry}`);
  } catch {
    return undefined;
  }
}
