import { connect } from "node:net";

/** A response read from a bare connection. */
export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  headers: Record<string, string>;
  text: string;
}

/**
 * Sends bytes as they are, so that a path, a header or a body can be what no client would send, and reads until
 * the server closes. The request has to say `connection: close`, or be one that the server closes on.
 */
export function sendRaw(url: string, ...pieces: (string | Uint8Array)[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("close", () => resolve(parse(Buffer.concat(chunks).toString("latin1"))));
    // An answer before a reset counts: a server need not read a body that it refuses.
    socket.on("error", (error) => (chunks.length > 0 ? undefined : reject(error)));
    for (const piece of pieces) socket.write(piece);
  });
}

/** A request line and headers, ended by an empty line; the connection closes after the answer. */
export function requestHead(method: string, target: string, headers: Record<string, string>): string {
  const lines = Object.entries({ host: "localhost", connection: "close", ...headers });
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function parse(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(":")).toLowerCase(),
    line.slice(line.indexOf(":") + 1).trim(),
  ]);
  return {
    status: Number(statusLine.split(" ")[1] ?? 0),
    headers: Object.fromEntries(headers),
    text: rest.join("\r\n\r\n"),
  };
}
