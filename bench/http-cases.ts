/** Bytes that a caller sends on one connection. */
export interface HttpCase {
  wire: Buffer;
  /** The statuses of its responses in order; undefined where the bytes were changed, so that nobody knows. */
  expected: readonly number[] | undefined;
}

const end = "\r\n";

/** A request that hides in the body of another one. */
const hidden = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/** Lines that two readers may understand in two ways, from public lists of request smuggling. */
const lines = [
  "content-length: 0",
  "content-length: 5",
  "content-length: +5",
  "content-length: 5, 5",
  "content-length : 5",
  " content-length: 5",
  "content-length: 0x5",
  "content-length: 99999999999999999999",
  "transfer-encoding: chunked",
  "transfer-encoding : chunked",
  "transfer-encoding: \tchunked",
  "transfer-encoding: xchunked",
  "transfer-encoding: chunked, identity",
  "transfer-encoding: identity",
  "Transfer-Encoding:\u000bchunked",
  "x: y\r\n transfer-encoding: chunked",
  "transfer-encoding\r\n : chunked",
  "connection: close, content-length",
  "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
  "expect: 100-continue",
  "host: other.example",
  "x: \u0000",
  "x: a\nb: c",
  "x: a\rb: c",
];

/** Bytes that have a meaning to a reader of HTTP. */
const meant = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "0",
  "f",
  "-",
  "+",
  "\x7f",
  "\xff",
];

/** Returns cases that are the same for the same randomness: some right, most of them changed. */
export function httpCase(random: () => number): HttpCase {
  const below = (most: number) => Math.floor(random() * most);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const requests = Array.from({ length: 1 + below(4) }, () => requestOf(below, one));
  const wire = requests.map(({ wire }) => wire).join("");
  if (random() < 0.3)
    return { wire: Buffer.from(wire, "latin1"), expected: requests.map(({ status }) => status) };
  let changed = wire;
  for (let count = 1 + below(3); count > 0; count--) changed = changedText(changed, below, one);
  return { wire: Buffer.from(changed, "latin1"), expected: undefined };
}

type Below = (most: number) => number;
type One = <T>(list: readonly T[]) => T;

function requestOf(below: Below, one: One): { wire: string; status: number } {
  const space = () => one(["", " ", "\t", "  "]);
  const head = (first: string, more: readonly string[]) => {
    const all = ["host: localhost", ...more];
    for (let count = below(4); count > 0; count--)
      all.push(`x-${below(1000)}:${space()}${below(1e6)}${space()}`);
    return [first, ...all.toSorted(() => below(3) - 1), "", ""].join(end);
  };
  if (below(2) === 0) return { wire: head(`GET /healthz?${below(1000)} HTTP/1.1`, []), status: 200 };
  const body = one(["", "{}", hidden, "0\r\n\r\n", `${hidden}${hidden}`, "x".repeat(below(3000))]);
  const post = "POST /v1/chat/completions HTTP/1.1";
  const json = "content-type: application/json";
  if (below(2) === 0)
    return { wire: head(post, [json, `content-length:${space()}${body.length}`]) + body, status: 401 };
  const name = one(["transfer-encoding", "Transfer-Encoding", "TRANSFER-ENCODING"]);
  return {
    wire: head(post, [json, `${name}:${space()}${one(["chunked", "Chunked"])}`]) + chunks(body, below, one),
    status: 401,
  };
}

function chunks(body: string, below: Below, one: One): string {
  let wire = "";
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, 1 + below(500));
    const digits = one([size.toString(16), size.toString(16).toUpperCase(), `00${size.toString(16)}`]);
    wire += `${digits}${one(["", ";a=b", ';a="b;c"'])}${end}${body.slice(at, at + size)}${end}`;
    at += size;
  }
  return `${wire}0${end}${one(["", "x-trailer: 1\r\n"])}${end}`;
}

function changedText(text: string, below: Below, one: One): string {
  const at = below(text.length + 1);
  switch (below(6)) {
    case 0:
      return text.slice(0, at) + one(meant) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + below(8));
    case 2:
      return text.slice(0, at) + one(meant) + text.slice(at + 1);
    case 3: {
      const line = text.indexOf(end, at);
      return line < 0 ? text : `${text.slice(0, line + 2)}${one(lines)}${end}${text.slice(line + 2)}`;
    }
    case 4: {
      const line = text.indexOf(end, at);
      return line < 0 ? text : `${text.slice(0, line)}\n${text.slice(line + 2)}`;
    }
    default:
      return text.replace(one([/HTTP\/1\.1/, /GET/, /POST/, /\/healthz/, /host/]), () =>
        one([
          "HTTP/1.0",
          "HTTP/2.0",
          "HTTP/1.1 ",
          "get",
          "PRI",
          "*",
          "http://localhost/healthz",
          "Host ",
          "",
        ]),
      );
  }
}
