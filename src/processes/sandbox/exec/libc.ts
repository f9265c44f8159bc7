import { dlopen, ptr, read } from "bun:ffi";
import { AppError } from "../../../errors.ts";
import { libcNames } from "../../libc-names.ts";

const i32 = "i32";
const i64 = "i64";
const pointer = "ptr";

/** Opens the functions of libc by which a program takes rights from itself and becomes another program. */
export function openLibc() {
  for (const name of libcNames) {
    try {
      const { symbols } = dlopen(name, {
        syscall: { args: [i64, i64, i64, i64, i64, i64, i64], returns: i64 },
        prctl: { args: [i32, i64, i64, i64, i64], returns: i32 },
        setrlimit: { args: [i32, pointer], returns: i32 },
        getrlimit: { args: [i32, pointer], returns: i32 },
        getppid: { args: [], returns: i32 },
        signal: { args: [i32, i64], returns: pointer },
        sigprocmask: { args: [i32, pointer, pointer], returns: i32 },
        execve: { args: [pointer, pointer, pointer], returns: i32 },
        __errno_location: { args: [], returns: pointer },
      });
      return symbols;
    } catch {}
  }
  throw new AppError("not_supported", "this system has neither glibc nor musl");
}

/** The functions that `openLibc` returns. */
export type SandboxLibc = ReturnType<typeof openLibc>;

/** Calls the kernel. Returns -1 for an error; `errnoOf` then tells which. */
export function syscall(libc: SandboxLibc, number: number, ...args: readonly (number | Buffer)[]): number {
  const [a, b, c, d, e, f] = [...args, 0, 0, 0, 0, 0, 0].map((arg) =>
    typeof arg === "number" ? arg : ptr(arg),
  );
  return Number(libc.syscall(number, a!, b!, c!, d!, e!, f!));
}

/** Returns the number of the last error. Nothing may be called between the failure and this. */
export function errnoOf(libc: SandboxLibc): number {
  return read.i32(libc.__errno_location()!, 0);
}

/** Returns an array of pointers to texts that end with NUL, and the texts, which must live as long as it is used. */
export function textArray(texts: readonly Buffer[]): { table: BigUint64Array; texts: Buffer[] } {
  const ended = texts.map((text) => Buffer.concat([text, Buffer.alloc(1)]));
  return { table: BigUint64Array.from([...ended.map((one) => BigInt(ptr(one))), 0n]), texts: ended };
}
