import { eventStreamHeaders } from "../../../wire/sse.ts";
import { LiveResponse, waitingBytes } from "../../core/live-response.ts";
import { WholeResponse } from "../../core/whole-response.ts";
import { lastChunk, sendChunk } from "./chunk.ts";
import { sendLive } from "./live-body.ts";
import { isBodiless, statusLine } from "./response-head.ts";
import type { ServerExchange } from "./server-exchange.ts";

/** Headers that the connection writes itself. */
const ownNames = /^(?:connection|transfer-encoding|keep-alive|date)$/;

/** Small responses are put together here, one after the other: a buffer for each would cost more than the copy. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Read = Awaited<ReturnType<Reader["read"]>>;

/** Sends a `Response` as the response of an exchange. Returns undefined if all of it has been written at once. */
export function sendWebResponse(exchange: ServerExchange, response: Response): Promise<void> | undefined {
  if (response instanceof WholeResponse) return sendAtOnce(exchange, response);
  return sendBody(exchange, response, statusLine(response.status) + headerLines(response.headers));
}

async function sendBody(exchange: ServerExchange, response: Response, first: string): Promise<void> {
  const { status, headers } = response;
  const isHead = exchange.head.method === "HEAD";
  if (response instanceof LiveResponse) return sendLive(exchange, first, response.live);
  const { body } = response;
  if (exchange.isGone || body === null || isHead || isBodiless(status)) {
    void body?.cancel().catch(() => {});
    const isSilent = isHead || isBodiless(status) || headers.has("content-length");
    return sendWhole(exchange, first, isSilent ? undefined : 0);
  }
  const reader: Reader = body.getReader();
  const gone = () => void reader.cancel().catch(() => {});
  exchange.watcher = { gone };
  try {
    // The head of a stream goes out at once. A body that is here already gets its length.
    const isStream = headers.get("content-type") === eventStreamHeaders["content-type"];
    const reads = [reader.read()];
    const one = isStream ? undefined : await inTurn(reads[0]!);
    if (one?.done) return sendWhole(exchange, first, 0);
    if (one) reads.push(reader.read());
    const two = one && (await inTurn(reads[1]!));
    if (one?.value && two?.done) return sendWhole(exchange, first, one.value.length, one.value);
    await sendStream(exchange, first, headers.get("content-length"), reads, reader);
  } catch {
    // The caller sees that its response is not whole.
    exchange.connection.destroy();
  }
}

/** Sends a response whose body is a text, or bytes. */
function sendAtOnce(exchange: ServerExchange, { status, headers, whole: body }: WholeResponse): undefined {
  const { isLast } = exchange.connection;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const end = isLast ? "\r\nconnection: close\r\n\r\n" : "\r\n\r\n";
  const head = `${statusLine(status)}${headers.text}content-length: ${length}${end}`;
  const size = head.length + length;
  const message = size > shared.length ? Buffer.allocUnsafe(size) : shared;
  message.write(head, "latin1");
  if (typeof body === "string") message.write(body, head.length);
  else message.set(body, head.length);
  exchange.connection.write(message, message === shared ? size : undefined);
  exchange.connection.responded(isLast);
}

/** Sends a response whose body is here. */
function sendWhole(exchange: ServerExchange, first: string, length?: number, body?: Uint8Array): void {
  const { connection } = exchange;
  const { isLast } = connection;
  const stated =
    length === undefined || /\r\ncontent-length:/.test(first) ? "" : `content-length: ${length}\r\n`;
  const head = Buffer.from(`${first}${stated}${isLast ? "connection: close\r\n" : ""}\r\n`, "latin1");
  exchange.watcher = undefined;
  connection.write(body ? Buffer.concat([head, body]) : head);
  connection.responded(isLast);
}

/**
 * Sends a response as its bytes come.
 *
 * @param stated the length of the body, where the response states it
 * @param reads reads that are under way
 */
async function sendStream(
  exchange: ServerExchange,
  first: string,
  stated: string | null,
  reads: readonly Promise<Read>[],
  reader: Reader,
): Promise<void> {
  const { connection, head } = exchange;
  const isChunked = stated === null && head.minorVersion === 1;
  const isLast = connection.isLast || (stated === null && !isChunked);
  const framing = isChunked ? "transfer-encoding: chunked\r\n" : "";
  connection.write(Buffer.from(`${first}${framing}${isLast ? "connection: close\r\n" : ""}\r\n`, "latin1"));
  let length = 0;
  for (let at = 0; ; at++) {
    const { done, value } = await (reads[at] ?? reader.read());
    if (done || exchange.isGone) break;
    if (value.length === 0) continue;
    length += value.length;
    if (isChunked) sendChunk(connection, value);
    else connection.write(value);
    if (connection.unsent > waitingBytes) await drained(exchange);
  }
  if (exchange.isGone) return;
  if (stated !== null && Number(stated) !== length) return connection.destroy();
  exchange.watcher = undefined;
  if (isChunked) connection.write(lastChunk);
  connection.responded(isLast);
}

/** Resolves when the caller has taken most of what waits, or has gone. */
function drained(exchange: ServerExchange): Promise<void> {
  const { watcher } = exchange;
  return new Promise((resolve) => {
    exchange.watcher = {
      drained() {
        if (exchange.connection.unsent > waitingBytes / 2) return;
        exchange.watcher = watcher;
        resolve();
      },
      gone() {
        watcher?.gone();
        resolve();
      },
    };
  });
}

/** Returns what a promise resolves with within a turn of the event loop, otherwise undefined. */
function inTurn(read: Promise<Read>): Promise<Read | undefined> {
  return Promise.race([read, new Promise<undefined>((resolve) => setImmediate(resolve))]);
}

function headerLines(headers: Pick<Headers, "forEach">): string {
  let lines = "";
  // An iterator makes a list for each header.
  headers.forEach((value, name) => {
    if (!ownNames.test(name)) lines += `${name}: ${value}\r\n`;
  });
  return lines;
}
