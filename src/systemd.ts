import { oneLine } from "./wire/text.ts";

/** The environment, in which systemd puts the address that it listens on. */
export type ServiceEnv = Record<string, string | undefined>;

/** The service manager that started this program: systemd, or none. Its methods never throw. */
export interface ServiceManager {
  /** True if a service manager listens. */
  readonly present: boolean;
  /** Reports that the service is ready to work (`READY=1`). */
  ready(status: string): void;
  /** Sets the line that `systemctl status` shows. */
  status(text: string): void;
  /** Reports that the service is about to end (`STOPPING=1`). */
  stopping(status: string): void;
  /**
   * Beats twice in each WATCHDOG_USEC (`WATCHDOG=1`) as long as the event loop turns and `check` succeeds. It goes on
   * while the service stops. Does nothing where no watchdog is set.
   *
   * @param check resolves when everything that the service depends on works; no beat is sent when it rejects, or while
   *   it is pending
   */
  watch(check: () => Promise<unknown>): void;
  /** Ends the beats. Nothing is sent afterwards. */
  close(): void;
}

/** The most characters of a status. A line end in it would begin a variable of its own. */
const longestStatus = 1_000;

const none: ServiceManager = {
  present: false,
  ready() {},
  status() {},
  stopping() {},
  watch() {},
  close() {},
};

/**
 * Finds the service manager by the variables of sd_notify(3). They are taken out of `env`: a program that this one
 * starts is not the service.
 *
 * @param env the process's own environment
 * @param every calls back after each span of so many milliseconds, and returns a function that ends that
 */
export async function serviceManager(env: ServiceEnv, every = interval): Promise<ServiceManager> {
  const { NOTIFY_SOCKET: address, WATCHDOG_USEC: span, WATCHDOG_PID: watched } = env;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
  const send = address ? await datagrams(address).catch(() => undefined) : undefined;
  if (!send) return none;
  const ours = watched === undefined || Number(watched) === process.pid;
  const beat = ours && /^[1-9]\d{0,15}$/.test(span ?? "") ? Number(span) / 2000 : undefined;
  let stopWatching = () => {};
  return {
    present: true,
    ready: (status) => send.text(`READY=1\nSTATUS=${oneLine(status, longestStatus)}`),
    status: (text) => send.text(`STATUS=${oneLine(text, longestStatus)}`),
    stopping: (status) => send.text(`STOPPING=1\nSTATUS=${oneLine(status, longestStatus)}`),
    watch(check) {
      stopWatching();
      if (beat === undefined) return;
      let isPending = false;
      const beatOnce = () => {
        // A check that is pending is not started again.
        if (isPending) return;
        isPending = true;
        const succeeded = () => send.text("WATCHDOG=1");
        Promise.resolve()
          .then(check)
          .then(succeeded, () => {})
          .finally(() => {
            isPending = false;
          });
      };
      beatOnce();
      stopWatching = every(beat, beatOnce);
    },
    close() {
      stopWatching();
      send.close();
    },
  };
}

function interval(milliseconds: number, act: () => void): () => void {
  const timer = setInterval(act, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
}

const linux = {
  AF_UNIX: 1,
  SOCK_DGRAM: 2,
  SOCK_CLOEXEC: 0o2000000,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
};
/** Names of libc, for `dlopen`: that of glibc and those of musl. */
export const libcNames = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Sends datagrams to a Unix socket through libc, because Bun cannot. Undefined where libc is not found. */
async function datagrams(address: string): Promise<{ text(text: string): void; close(): void } | undefined> {
  const name = socketAddress(address);
  if (process.platform !== "linux" || !name) return undefined;
  const { dlopen } = await import("bun:ffi");
  const open = (library: string) =>
    dlopen(library, {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      sendto: { args: ["i32", "buffer", "u64", "i32", "buffer", "u32"], returns: "i64" },
      close: { args: ["i32"], returns: "i32" },
    });
  const libc = firstOf(libcNames, open);
  if (!libc) return undefined;
  const socket = libc.symbols.socket(linux.AF_UNIX, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0);
  if (socket < 0) return undefined;
  let closed = false;
  return {
    text(text) {
      if (closed) return;
      const bytes = Buffer.from(text);
      // A datagram that is not taken is lost: a full or dead socket must not stop the service.
      const flags = linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL;
      libc.symbols.sendto(socket, bytes, bytes.length, flags, name, name.length);
    },
    close() {
      if (closed) return;
      closed = true;
      libc.symbols.close(socket);
    },
  };
}

/** Returns the `sockaddr_un` of a path or of an abstract name (`@…`). Undefined for any other kind of address. */
function socketAddress(address: string): Buffer | undefined {
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = linux.AF_UNIX;
  const text = Buffer.from(address);
  if (text.length > 107) return undefined;
  if (address.startsWith("@")) return Buffer.concat([family, Buffer.from([0]), text.subarray(1)]);
  return address.startsWith("/") ? Buffer.concat([family, text, Buffer.from([0])]) : undefined;
}

function firstOf<T>(names: readonly string[], open: (name: string) => T): T | undefined {
  for (const name of names) {
    try {
      return open(name);
    } catch {}
  }
  return undefined;
}
