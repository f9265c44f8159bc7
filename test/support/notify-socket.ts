import { dlopen } from "bun:ffi";
import { onTestFinished } from "vitest";

/** The socket that systemd listens on: a datagram socket, by ffi, because Bun has none. */
export interface NotifySocket {
  /** As it stands in NOTIFY_SOCKET. */
  address: string;
  /** All messages so far. */
  messages(): string[];
}

/** @param address a path, or `@name` for one without a file */
export function notifySocket(address: string): NotifySocket {
  const libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "buffer", "u32"], returns: "i32" },
    recv: { args: ["i32", "buffer", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const text = Buffer.from(address);
  const name = Buffer.concat([Buffer.from([1, 0]), text, Buffer.from([0])]);
  const abstract = address.startsWith("@");
  if (abstract) name[2] = 0;
  const socket = libc.symbols.socket(1, 2, 0);
  if (libc.symbols.bind(socket, name, abstract ? name.length - 1 : name.length) !== 0)
    throw new Error(`cannot bind ${address}`);
  onTestFinished(() => void libc.symbols.close(socket));
  const received: string[] = [];
  const buffer = Buffer.alloc(4096);
  const dontWait = 0x40;
  return {
    address,
    messages() {
      for (;;) {
        const length = Number(libc.symbols.recv(socket, buffer, buffer.length, dontWait));
        if (length < 0) return [...received];
        received.push(buffer.toString("utf8", 0, length));
      }
    },
  };
}
