/**
 * A provider whose answers cost as much as they can. Takes `{port}` as JSON. The model of a request names the answer. It
 * is also a server of mcpctl that means ill: the bearer of a request without a body names the answer.
 */
import type { Socket } from "bun";
import { answer, lastChunk } from "./chat.ts";
import { type RawCaller, wholeRequest, write } from "./raw-caller.ts";

interface Caller extends RawCaller {
  readonly socket: Socket<Caller>;
}

const json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const whole = (text: string, head = json) =>
  Buffer.from(`${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
const streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const stream = (text: string) =>
  Buffer.from(`${streamHead}${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n${lastChunk}`);
const inBytes = (text: string) => Array.from(text, (letter) => `1\r\n${letter}\r\n`).join("");
const call = (index: number, text: string) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [{ index, id: `c${index}`, function: { name: "f", arguments: text } }] } }] })}\n\n`;

/** Answers by name. */
const forms: Record<string, () => Buffer> = {
  good: () => whole(answer),
  "bytes-whole": () =>
    Buffer.from(
      `${json}transfer-encoding: chunked\r\n\r\n${inBytes(`{"x":"${"y".repeat(500_000)}"}`)}0\r\n\r\n`,
    ),
  "bytes-stream": () => Buffer.from(`${streamHead}${inBytes("data: {}\n\n".repeat(50_000))}0\r\n\r\n`),
  deep: () => whole(`{"choices":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  brackets: () => whole(`{"choices":${"[".repeat(10_000_000)}`),
  "many-elements": () => whole(`{"choices":[${"{},".repeat(3_000_000)}{}]}`),
  "large-text": () => whole(`{"choices":[{"message":{"content":"${"x".repeat(30_000_000)}"}}]}`),
  "mixed-text": () => whole(`{"choices":[{"message":{"content":"${"x".repeat(15_000_000)}漢"}}]}`),
  "mixed-texts": () =>
    whole(`{"choices":[${`{"message":{"content":"${"x".repeat(300)}漢"}},`.repeat(40_000)}{}]}`),
  "mixed-event": () => stream(`data: {"choices":[{"delta":{"content":"${"x".repeat(7_000_000)}漢"}}]}\n\n`),
  "too-large": () => whole(`{"x":"${"x".repeat(70_000_000)}"}`),
  "tiny-events": () => stream('data: {"choices":[{}]}\n\n'.repeat(100_000)),
  comments: () => stream(":\n".repeat(2_000_000)),
  "empty-lines": () => stream("\n".repeat(4_000_000)),
  "one-event": () => stream(`data: "${"x".repeat(20_000_000)}"\n\n`),
  "many-tools": () => stream(Array.from({ length: 20_000 }, (_, n) => call(n, "{}")).join("")),
  "long-arguments": () => stream(call(0, '{"a":"') + call(0, "x").repeat(30_000)),
  "status-999": () => whole("{}", json.replace("200", "999")),
  "wait-for-ever": () => whole("{}", `${json.replace("200", "429")}retry-after: 1e300\r\n`),
  "endless-head": () => Buffer.from(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(1_000_000)}`),
  "no-http": () => Buffer.from("SSH-2.0-OpenSSH_9.9\r\n\r\n".repeat(100_000)),
};

export const answerForms = Object.keys(forms);

const made = new Map<string, Buffer>();

function answerOf(form: string): Buffer {
  const bytes = made.get(form) ?? forms[form]?.() ?? whole("{}");
  made.set(form, bytes);
  return bytes;
}

function receive(caller: Caller, bytes: Buffer): void {
  const request = wholeRequest(caller, bytes);
  if (!request) return;
  const form =
    /"model":"([\w-]+)"/.exec(request.body)?.[1] ??
    /^authorization: Bearer ([\w-]+)/im.exec(request.text)?.[1];
  write(caller, answerOf(form ?? "good"));
}

if (import.meta.main) {
  const { port } = JSON.parse(process.argv[2]!) as { port: number };
  Bun.listen<Caller>({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => {
        socket.data = { socket, part: undefined, unsent: undefined };
      },
      data: ({ data }, bytes) => receive(data, bytes),
      drain: ({ data }) => write(data, Buffer.alloc(0)),
      error() {},
    },
  });
}
