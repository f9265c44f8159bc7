import type { Socket } from "bun";
import { atEnd } from "./shared.ts";

/** A request that the scripted provider received. */
export interface Seen {
  method: string;
  path: string;
  headers: Record<string, string>;
  text: string;
  /** The bytes of the body. */
  bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

export interface Upstream {
  url: string;
  seen: Seen[];
  /** Connections that the caller has closed. */
  closed(): Promise<void>;
}

/** A provider that answers by script, over the bare socket: the bytes are the test's, cuts and faults included. */
export type Script = (asked: Seen, connection: Connection) => void | Promise<void>;

export interface Connection {
  /** Sends bytes. What the caller does not take at once is queued. */
  write(bytes: string | Uint8Array): void;
  /** Closes in good order, behind what still waits and some last bytes. */
  end(bytes?: string | Uint8Array): void;
  /** Resets. */
  reset(): void;
  /** Resolves when the caller has taken all that was written. */
  taken(): Promise<void>;
  /** Resolves when the caller has closed. */
  closed: Promise<void>;
}

/** Starts a scripted provider on a free port; it is gone when the test is over. */
export function upstream(script: Script): Upstream {
  const seen: Seen[] = [];
  const anyClosed = Promise.withResolvers<void>();
  interface Data {
    buffer: Buffer;
    closed: PromiseWithResolvers<void>;
    outgoing: Outgoing;
  }
  const server = Bun.listen<Data>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = {
          buffer: Buffer.alloc(0),
          closed: Promise.withResolvers(),
          outgoing: new Outgoing(socket),
        };
      },
      data(socket, bytes) {
        const { data } = socket;
        data.buffer = Buffer.concat([data.buffer, bytes]);
        for (let asked = take(data); asked; asked = take(data)) {
          seen.push(asked);
          void script(asked, {
            write: (out) => data.outgoing.write(out),
            end: (out) => data.outgoing.end(out),
            reset: () => void socket.terminate(),
            taken: () => data.outgoing.taken(),
            closed: data.closed.promise,
          });
        }
      },
      drain: ({ data }) => data.outgoing.flush(),
      close({ data }) {
        data.closed.resolve();
        anyClosed.resolve();
      },
    },
  });
  atEnd(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, seen, closed: () => anyClosed.promise };
}

/** Queue of bytes for a socket that takes as much at a time as it likes. */
class Outgoing {
  readonly #socket: Socket<unknown>;
  #waiting: Uint8Array[] = [];
  #ending = false;
  #taken = Promise.withResolvers<void>();

  constructor(socket: Socket<unknown>) {
    this.#socket = socket;
  }

  write(bytes: string | Uint8Array): void {
    if (bytes.length > 0) this.#waiting.push(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    this.flush();
  }

  end(bytes: string | Uint8Array = ""): void {
    this.#ending = true;
    this.write(bytes);
  }

  taken(): Promise<void> {
    return this.#waiting.length === 0 ? Promise.resolve() : this.#taken.promise;
  }

  flush(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const written = Math.max(0, this.#socket.write(next));
      if (written < next.length) {
        this.#waiting[0] = next.subarray(written);
        return;
      }
      this.#waiting.shift();
    }
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
    if (this.#ending) this.#socket.end();
  }
}

/** One whole request off the front of what has come in. */
function take(data: { buffer: Buffer }): Seen | undefined {
  const end = data.buffer.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [requestLine = "", ...lines] = data.buffer.subarray(0, end).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).toLowerCase(),
      line.slice(line.indexOf(":") + 1).trim(),
    ]),
  );
  const length = Number(headers["content-length"] ?? 0);
  if (data.buffer.length < end + 4 + length) return undefined;
  const bytes = data.buffer.subarray(end + 4, end + 4 + length);
  const text = bytes.toString();
  data.buffer = data.buffer.subarray(end + 4 + length);
  const [method = "", path = ""] = requestLine.split(" ");
  return { method, path, headers, text, bytes, body: text.startsWith("{") ? JSON.parse(text) : undefined };
}

/** A whole answer, as bytes. */
export function reply(status: number, body: unknown, headers: Record<string, string> = {}): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const all = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n${text}`;
}

/** The head of a streamed answer; what follows is sent with `chunk`. */
export const streamHead =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** One piece of a streamed answer. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** The end of a streamed answer. */
export const lastChunk = "0\r\n\r\n";

/** Frames of an OpenAI stream: some words, a finish reason, and the usage when it was asked for. */
export function chatFrames(words: readonly string[], usage: boolean): string[] {
  const frame = (rest: object) =>
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "up", ...rest })}\n\n`;
  const delta = (d: object, finish: string | null = null) =>
    frame({ choices: [{ index: 0, delta: d, finish_reason: finish }] });
  return [
    delta({ role: "assistant", content: "" }),
    ...words.map((content) => delta({ content })),
    delta({}, "stop"),
    ...(usage
      ? [
          frame({
            choices: [],
            usage: { prompt_tokens: 7, completion_tokens: words.length, total_tokens: 7 + words.length },
          }),
        ]
      : []),
    "data: [DONE]\n\n",
  ];
}

/** An unstreamed OpenAI answer. */
export function chatAnswer(content: string) {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "up",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
  };
}

/** A provider that behaves: streamed and unstreamed chat, and a list of models. */
export const goodProvider: Script = (asked, connection) => {
  if (asked.method === "GET")
    return connection.write(reply(200, { object: "list", data: [{ id: "up", object: "model" }] }));
  if (!asked.body?.stream) return connection.write(reply(200, chatAnswer("hello there")));
  connection.write(streamHead);
  for (const frame of chatFrames(["hel", "lo"], asked.body.stream_options?.include_usage))
    connection.write(chunk(frame));
  connection.write(lastChunk);
};
