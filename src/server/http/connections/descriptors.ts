import { readdirSync } from "node:fs";
import { type Libc, ptr } from "./libc.ts";

const RLIMIT_NOFILE = 7;
const EFD_CLOEXEC = 0o2000000;

/** The limit on descriptors of this process: files and sockets that are open at the same time. */
export class Descriptors {
  readonly #libc: Libc;
  /** The most that the system allows. */
  readonly hard: number;
  /** The most in ordinary times. The others are a reserve for the time when connections have taken all of these. */
  readonly ordinary: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    const limits = new BigUint64Array(2);
    libc.getrlimit(RLIMIT_NOFILE, ptr(limits));
    // "unlimited" is more than any kernel has.
    this.hard = Number(limits[1]! > 1_048_576n ? 1_048_576n : limits[1]!);
    this.ordinary = this.hard - Math.min(1024, Math.floor(this.hard / 4));
  }

  /** Returns the descriptors that are open; all that are possible if none is left to find out. */
  list(): number[] {
    try {
      return readdirSync("/proc/self/fd").map(Number);
    } catch {
      return Array.from({ length: this.hard }, (_, descriptor) => descriptor);
    }
  }

  /** True if no descriptor can be opened within the present limit. */
  get isFull(): boolean {
    const descriptor = this.#libc.eventfd(0, EFD_CLOEXEC);
    if (descriptor < 0) return true;
    this.#libc.close(descriptor);
    return false;
  }

  /** Sets the limit for everything that this process opens from now on. */
  allow(count: number): void {
    this.#libc.setrlimit(RLIMIT_NOFILE, ptr(new BigUint64Array([BigInt(count), BigInt(this.hard)])));
  }
}
