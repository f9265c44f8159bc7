import { dlopen, ptr } from "bun:ffi";
import { libcNames } from "../../../systemd.ts";

const integer = "i32";
const pointer = "ptr";

/** Functions of libc that `Bun.serve` has nothing for; undefined on systems other than Linux. Opened when first used. */
let opened: { libc: ReturnType<typeof open> } | undefined;

/** Returns the functions of libc that `Bun.serve` has nothing for. Undefined on systems other than Linux. */
export function openLibc() {
  opened ??= { libc: open() };
  return opened.libc;
}

function open() {
  if (process.platform !== "linux") return undefined;
  for (const name of libcNames) {
    try {
      return dlopen(name, {
        getsockname: { args: [integer, pointer, pointer], returns: integer },
        getpeername: { args: [integer, pointer, pointer], returns: integer },
        getsockopt: { args: [integer, integer, integer, pointer, pointer], returns: integer },
        setsockopt: { args: [integer, integer, integer, pointer, "u32"], returns: integer },
        recv: { args: [integer, pointer, "usize", integer], returns: integer },
        listen: { args: [integer, integer], returns: integer },
        dup3: { args: [integer, integer, integer], returns: integer },
        fcntl: { args: [integer, integer, integer], returns: integer },
        shutdown: { args: [integer, integer], returns: integer },
        epoll_ctl: { args: [integer, integer, integer, pointer], returns: integer },
        getrlimit: { args: [integer, pointer], returns: integer },
        setrlimit: { args: [integer, pointer], returns: integer },
        eventfd: { args: ["u32", integer], returns: integer },
        close: { args: [integer], returns: integer },
      }).symbols;
    } catch {}
  }
  return undefined;
}

/** The functions that `openLibc` returns. */
export type Libc = NonNullable<ReturnType<typeof openLibc>>;

export { ptr };
