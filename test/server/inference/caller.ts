import type { Socket } from "bun";
import { onTestFinished } from "vitest";
import { ResponseParser } from "../../../src/net/http1/parser.ts";

/** A caller on a plain socket that can stop reading and leave at any time. */
export interface Caller {
  /** The received part of the response body; empty if `take` is given. */
  readonly text: string;
  /** Returns when the body contains the text. Throws if the response ends without it. */
  until(words: string): Promise<void>;
  /** True if the response was complete when it ended, by its framing. */
  ended: Promise<boolean>;
  /** Stops reading until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes the connection. */
  leave(): void;
}

/**
 * Sends a call.
 *
 * @param take is given the parts of the body as they come, where they are too many to keep
 */
export async function postRaw(
  url: string,
  bearer: string,
  path: string,
  body: unknown,
  take?: (bytes: Uint8Array) => void,
): Promise<Caller> {
  const { hostname, port } = new URL(url);
  const text = JSON.stringify(body);
  const ended = Promise.withResolvers<boolean>();
  const decoder = new TextDecoder();
  const looking = new Set<() => void>();
  let got = "";
  let over = false;
  const end = (whole: boolean) => {
    over = true;
    ended.resolve(whole);
    for (const look of looking) look();
  };
  const answer = new ResponseParser(
    {
      head() {},
      push(bytes) {
        if (take) return take(bytes);
        got += decoder.decode(bytes, { stream: true });
        for (const look of looking) look();
      },
      end: () => end(true),
    },
    "POST",
  );
  const socket: Socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, bytes) => answer.push(bytes),
      close: () => end(false),
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
          if (!over && !got.includes(words)) return;
          looking.delete(look);
          if (got.includes(words)) resolve();
          else reject(new Error(`the answer ended without ${JSON.stringify(words)}: ${got}`));
        };
        looking.add(look);
        look();
      }),
    ended: ended.promise,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    leave: () => socket.terminate(),
  };
}
