/**
 * A provider that costs as little as it can: raw sockets, answers made beforehand, one timer for all streams.
 * Takes `{port}` as JSON. A request with `stream` gets its first token at once and then 50 a second, as many as
 * `max_tokens` says, in the dialect that its path says; any other gets the one answer.
 */
import type { Socket } from "bun";
import { answer, type Pieces, streamed } from "./chat.ts";
import { streamedMessages } from "./messages.ts";
import { type RawCaller, wholeRequest, write } from "./raw-caller.ts";

interface Caller extends RawCaller {
  readonly socket: Socket<Caller>;
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

function receive(caller: Caller, bytes: Buffer): void {
  const request = wholeRequest(caller, bytes);
  if (!request) return;
  const { text, body } = request;
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
      socket.data = { socket, part: undefined, unsent: undefined, tokensLeft: 0, token, end };
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
