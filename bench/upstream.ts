/**
 * A provider that costs as little as it can: raw sockets, answers made beforehand, one timer for all streams.
 * Takes `{port}` as JSON. A request with `stream` gets its first token at once and then 50 a second, as many as
 * `max_tokens` says, in the dialect that its path says; any other gets the one answer.
 */
import type { Socket } from "bun";
import { answer, type Pieces, streamed } from "./chat.ts";
import { streamedMessages } from "./messages.ts";

interface Caller {
  socket: Socket<Caller>;
  /** A request that has not come whole. */
  part: string;
  /** What the socket would not take yet. */
  unsent: Buffer | undefined;
  tokensLeft: number;
  token: Buffer;
  end: Buffer;
}

/** The streams take turns, so that their tokens do not all come in the same instant: four turns of 5 ms. */
const turns: Set<Caller>[] = [new Set(), new Set(), new Set(), new Set()];
const turnMilliseconds = 5;

const whole = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`,
);

function write(caller: Caller, bytes: Buffer): void {
  const all = caller.unsent ? Buffer.concat([caller.unsent, bytes]) : bytes;
  const written = Math.max(0, caller.socket.write(all));
  caller.unsent = written < all.length ? all.subarray(written) : undefined;
}

function receive(caller: Caller, bytes: Buffer): void {
  const text = caller.part + bytes.toString("latin1");
  const head = text.indexOf("\r\n\r\n");
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
  if (head < 0 || text.length < head + 4 + length) {
    caller.part = text;
    return;
  }
  caller.part = "";
  const body = text.slice(head + 4);
  if (!body.includes('"stream":true')) return write(caller, whole);
  caller.tokensLeft = Number(/"max_tokens":(\d+)/.exec(body)?.[1] ?? 1) - 1;
  const pieces: Pieces = text.startsWith("POST /v1/messages") ? streamedMessages : streamed;
  caller.token = pieces.token;
  caller.end = body.includes('"include_usage":true') ? pieces.endWithUsage : pieces.end;
  write(caller, Buffer.concat([pieces.start, pieces.token]));
  turns.toSorted((a, b) => a.size - b.size)[0]!.add(caller);
}

function forget(caller: Caller): void {
  for (const callers of turns) callers.delete(caller);
}

function takeTurn(callers: Set<Caller>): void {
  for (const caller of callers) {
    if (caller.tokensLeft-- > 0) write(caller, caller.token);
    else {
      callers.delete(caller);
      write(caller, caller.end);
    }
  }
}

const { port } = JSON.parse(process.argv[2]!) as { port: number };
Bun.listen<Caller>({
  hostname: "127.0.0.1",
  port,
  socket: {
    open: (socket) => {
      socket.setNoDelay(true);
      const { token, end } = streamed;
      socket.data = { socket, part: "", unsent: undefined, tokensLeft: 0, token, end };
    },
    data: ({ data }, bytes) => receive(data, bytes),
    drain: ({ data }) => write(data, Buffer.alloc(0)),
    close: ({ data }) => forget(data),
    error: ({ data }) => forget(data),
  },
});

let next = performance.now();
let turn = 0;
setInterval(() => {
  for (; next <= performance.now(); next += turnMilliseconds) takeTurn(turns[turn++ % turns.length]!);
}, turnMilliseconds);
