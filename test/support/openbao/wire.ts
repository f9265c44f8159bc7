import { STATUS_CODES } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A request with nothing decoded. */
export interface WireRequest {
  method: string;
  /** `/v1/secret/data/x?version=1`, as it was sent. */
  target: string;
  /** Headers by their names in lower case. */
  headers: Record<string, string>;
  body: Uint8Array;
}

export interface WireResponse {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

export interface Listener {
  port: number;
  /** Stops listening, and closes open connections. */
  stop(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 for HTTP/1.1 on a plain socket: `Bun.serve` and `node:http` remove dots from a path, and do not
 * know the method LIST. Port 0 means any free port.
 */
export async function listen(
  { port, tls }: { port: number; tls: { cert: string; key: string } | undefined },
  handle: (request: WireRequest) => Promise<WireResponse | "drop">,
): Promise<Listener> {
  const open = new Set<Socket>();
  const connected = (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    void serve(socket, handle);
  };
  const server: Server = tls ? createTlsServer(tls, connected) : createServer(connected);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

async function serve(
  socket: Socket,
  handle: (request: WireRequest) => Promise<WireResponse | "drop">,
): Promise<void> {
  const reader = readerOf(socket);
  try {
    for (;;) {
      const request = await readRequest(reader);
      if (request === undefined) return;
      const answer = request === "malformed" ? malformed : await handle(request);
      if (answer === "drop") return void socket.destroy();
      const closes = request === "malformed" || request.headers["connection"]?.toLowerCase() === "close";
      const withBody = request === "malformed" || request.method !== "HEAD";
      socket.write(head(answer, closes));
      if (withBody) socket.write(answer.body);
      if (closes) return void socket.end();
    }
  } catch {
    socket.destroy();
  }
}

const malformed: WireResponse = {
  status: 400,
  headers: { "Content-Type": "text/plain; charset=utf-8" },
  body: "400 Bad Request",
};

/** Reason phrases of Go that differ from those of Node. */
const reasons: Record<number, string> = { ...STATUS_CODES, 413: "Request Entity Too Large" };

function head({ status, headers, body }: WireResponse, closes: boolean): string {
  const all = {
    ...headers,
    Date: new Date().toUTCString(),
    ...(status !== 204 && { "Content-Length": String(Buffer.byteLength(body)) }),
    ...(closes && { Connection: "close" }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reasons[status] ?? `status code ${status}`}\r\n${lines.join("")}\r\n`;
}

interface Reader {
  /** Reads up to a mark, and returns the bytes without it; undefined if the connection ends first. */
  until(mark: string): Promise<string | undefined>;
  exactly(length: number): Promise<Buffer>;
}

function readerOf(socket: Socket): Reader {
  const chunks = socket[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const next = async (): Promise<Buffer | undefined> => {
    const { done, value } = await chunks.next();
    return done ? undefined : value;
  };
  return {
    async until(mark) {
      for (;;) {
        const at = held.indexOf(mark);
        if (at >= 0) {
          const text = held.subarray(0, at).toString("latin1");
          held = held.subarray(at + mark.length);
          return text;
        }
        const chunk = await next();
        if (chunk === undefined) return undefined;
        held = Buffer.concat([held, chunk]);
      }
    },
    async exactly(length) {
      const parts = [held];
      let total = held.length;
      while (total < length) {
        const chunk = await next();
        if (chunk === undefined) throw new Error("the connection ended in a body");
        parts.push(chunk);
        total += chunk.length;
      }
      const all = Buffer.concat(parts);
      held = all.subarray(length);
      return all.subarray(0, length);
    },
  };
}

async function readRequest(reader: Reader): Promise<WireRequest | "malformed" | undefined> {
  const text = await reader.until("\r\n\r\n");
  if (text === undefined) return undefined;
  const [requestLine = "", ...lines] = text.split("\r\n");
  const match = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(requestLine);
  if (match === null) return "malformed";
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const [, method, target] = match as unknown as [string, string, string];
  const chunked = headers["transfer-encoding"]?.toLowerCase() === "chunked";
  const body = chunked
    ? await readChunks(reader)
    : await reader.exactly(Number(headers["content-length"] ?? 0));
  return { method, target, headers, body };
}

async function readChunks(reader: Reader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const length = Number.parseInt((await reader.until("\r\n")) ?? "", 16);
    if (Number.isNaN(length)) throw new Error("the connection ended in a body");
    chunks.push(await reader.exactly(length));
    await reader.until("\r\n");
    if (length === 0) return Buffer.concat(chunks);
  }
}
