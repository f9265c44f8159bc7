/**
 * A model on a workstation: streams whose tokens are numbered and say when they were sent. Takes `{port}` as JSON. The
 * model's name says how far its tokens are apart (`every-10ms`), and `max_tokens` how many there are.
 */
import type { Socket } from "bun";
import { httpChunk, lastChunk, streamHead } from "./chat.ts";
import { tokenText } from "./numbered.ts";
import { type RawCaller, wholeRequest, write } from "./raw-caller.ts";

interface Caller extends RawCaller {
  readonly socket: Socket<Caller>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The models in its list. */
const models = [10, 50, 100].map((interval) => ({ id: `every-${interval}ms`, object: "model" }));

/** About 230 bytes, as those of real providers are. */
function frame(model: string, delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return `data: ${JSON.stringify({
    id: "chatcmpl-Dq8rVYw2bMkXe1uTzn5cPfJ7LsHgA",
    object: "chat.completion.chunk",
    created: 1790000000,
    model,
    choices,
  })}\n\n`;
}

function receive(caller: Caller, bytes: Buffer): void {
  const request = wholeRequest(caller, bytes);
  if (!request) return;
  const { text } = request;
  const model = /"model": ?"(every-(\d+)ms)"/.exec(text);
  if (!model) return answer(caller, { object: "list", data: models });
  const tokens = Number(/"max_tokens": ?(\d+)/.exec(text)?.[1] ?? 1);
  if (!/"stream": ?true/.test(text)) return answer(caller, { object: "chat.completion", choices: [] });
  stream(caller, model[1]!, Number(model[2]), tokens);
}

function answer(caller: Caller, body: object): void {
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
  write(caller, Buffer.from(head + text));
}

function stream(caller: Caller, model: string, every: number, tokens: number): void {
  write(caller, Buffer.concat([streamHead, httpChunk(frame(model, { role: "assistant", content: "" }))]));
  let number = 0;
  let due = performance.now();
  const send = () => {
    if (number === tokens) {
      caller.timer = undefined;
      return write(
        caller,
        Buffer.concat([httpChunk(frame(model, {}, "stop")), httpChunk("data: [DONE]\n\n"), lastChunk]),
      );
    }
    number++;
    write(caller, httpChunk(frame(model, { content: tokenText(number) })));
    due += every;
    caller.timer = setTimeout(send, Math.max(0, due - performance.now()));
  };
  send();
}

const { port } = JSON.parse(process.argv[2]!) as { port: number };
Bun.listen<Caller>({
  hostname: "127.0.0.1",
  port,
  socket: {
    open: (socket) => {
      socket.setNoDelay(true);
      socket.data = { socket, part: undefined, unsent: undefined, timer: undefined };
    },
    data: ({ data }, bytes) => receive(data, bytes),
    drain: ({ data }) => write(data, Buffer.alloc(0)),
    close: ({ data }) => clearTimeout(data.timer),
    error: ({ data }) => clearTimeout(data.timer),
  },
});
