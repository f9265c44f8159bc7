import type { Socket } from "bun";
import { onTestFinished } from "vitest";

/** A caller on a bare socket: it sees what is on the wire, reads when it likes, and leaves when it likes. */
export interface Caller {
  /** All that came so far, head and framing included; nothing where `take` is given. */
  readonly text: string;
  /** Returns when this has come. Throws when the server closes without it. */
  until(words: string): Promise<void>;
  /** Reads nothing until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes, without a word. */
  leave(): void;
  closed: Promise<void>;
}

/** Sends a call. `take` is given the bytes as they come, where they are too many to keep. */
export async function postRaw(
  url: string,
  bearer: string,
  path: string,
  body: unknown,
  take?: (bytes: Uint8Array) => void,
): Promise<Caller> {
  const { hostname, port } = new URL(url);
  const text = JSON.stringify(body);
  const closed = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const waiting = new Set<() => void>();
  let got = "";
  let open = true;
  const socket: Socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_, bytes) {
        if (take) take(bytes);
        else got += decoder.decode(bytes, { stream: true });
        for (const look of waiting) look();
      },
      close() {
        open = false;
        closed.resolve();
        for (const look of waiting) look();
      },
    },
  });
  onTestFinished(() => void socket.terminate());
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    `authorization: Bearer ${bearer}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
  return {
    get text() {
      return got;
    },
    until: (words) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (open && !got.includes(words)) return;
          waiting.delete(look);
          if (got.includes(words)) resolve();
          else reject(new Error(`the server closed without ${JSON.stringify(words)}: ${got}`));
        };
        waiting.add(look);
        look();
      }),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    leave: () => socket.terminate(),
    closed: closed.promise,
  };
}
