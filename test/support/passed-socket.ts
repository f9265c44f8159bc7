import { dlopen, ptr } from "bun:ffi";
import { onTestFinished } from "vitest";
import { binary, cleanEnv, textOf } from "./binary.ts";

/** A socket that is kept open while servers on it come and go, as systemd does for a socket unit. */
export interface KeptSocket {
  url: string;
  /** Starts a server on it. */
  start(options: { home: string; env?: Record<string, string>; args?: string[] }): {
    log: Promise<string>;
    /** Ends it with SIGTERM. Returns its exit code. */
    stop(): Promise<number>;
  };
}

/** Opens a listening socket on a free port of the loopback address: `Bun.listen` would accept connections itself. */
export function keptSocket(): KeptSocket {
  const libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  }).symbols;
  const closeOnExec = 0o2000000;
  const socket = libc.socket(2, 1 | closeOnExec, 0);
  const address = Buffer.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const length = new Uint32Array([address.length]);
  if (libc.bind(socket, ptr(address), address.length) !== 0 || libc.listen(socket, 512) !== 0)
    throw new Error("cannot listen");
  libc.getsockname(socket, ptr(address), ptr(length));
  onTestFinished(() => void libc.close(socket));
  // The variable has the id of the process that becomes the server.
  const become = 'LISTEN_PID=$$ exec "$@"';
  return {
    url: `http://127.0.0.1:${address.readUInt16BE(2)}`,
    start({ home, env = {}, args = [] }) {
      const running = Bun.spawn(["sh", "-c", become, "sh", binary, "server", ...args], {
        env: { ...cleanEnv(home), LISTEN_FDS: "1", ...env },
        stdio: ["ignore", "ignore", "pipe", socket],
      });
      onTestFinished(() => running.kill("SIGKILL"));
      const log = textOf(running.stderr as ReadableStream<Uint8Array<ArrayBuffer>>);
      return {
        log,
        stop() {
          running.kill("SIGTERM");
          return running.exited;
        },
      };
    },
  };
}
