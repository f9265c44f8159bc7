import { describe, expect, it } from "vitest";
import { BadRequest, readRequestHead } from "../../../../src/server/http/http1/request-head.ts";

const read = (text: string) => {
  const bytes = Buffer.from(text, "latin1");
  return readRequestHead(bytes, 0, bytes.length);
};
const head = (first: string, ...lines: string[]) => `${[first, ...lines].join("\r\n")}\r\n\r\n`;
const post = (...lines: string[]) => head("POST /v1/chat/completions HTTP/1.1", "host: a", ...lines);

describe("the head of a request", () => {
  it("has its method, target, host, framing and headers", () => {
    const { method, target, host, contentLength, isChunked, keepAlive, headers } = read(
      post("Content-Length:  12 ", "X-A: 1", "x-a:\t2"),
    );
    expect({ method, target, host, contentLength, isChunked, keepAlive }).toEqual({
      method: "POST",
      target: "/v1/chat/completions",
      host: "a",
      contentLength: 12,
      isChunked: false,
      keepAlive: true,
    });
    expect(headers.get("x-a")).toBe("1, 2");
    expect(headers.get("content-length")).toBe("12");
  });

  it.each([
    ["GET / HTTP/1.1", ["host: a", "connection: Close"], false],
    ["GET / HTTP/1.1", ["host: a", "connection: keep-alive, x"], true],
    ["GET / HTTP/1.0", [], false],
    ["GET / HTTP/1.0", ["connection: keep-alive"], false],
  ])("keeps the connection as %s %j says", (first, lines, kept) => {
    expect(read(head(first, ...lines)).keepAlive).toBe(kept);
  });

  it("takes an absolute target of the same host as its path, and no other", () => {
    expect(read(head("GET http://a:1/x?y HTTP/1.1", "host: a:1")).target).toBe("/x?y");
    expect(read(head("GET http://A HTTP/1.1", "host: a")).target).toBe("/");
    expect(() => read(head("GET http://b/ HTTP/1.1", "host: a"))).toThrow(BadRequest);
    expect(() => read(head("GET http://u@a/ HTTP/1.1", "host: a"))).toThrow(BadRequest);
  });

  it("asks for a WebSocket only where connection and upgrade both say so", () => {
    const get = (...lines: string[]) => read(head("GET / HTTP/1.1", "host: a", ...lines)).isUpgrade;
    expect(get("connection: keep-alive, Upgrade", "upgrade: WebSocket")).toBe(true);
    expect([
      get("upgrade: websocket"),
      get("connection: upgrade"),
      get("connection: upgrade", "upgrade: h2c"),
    ]).toEqual([false, false, false]);
  });
});

/** Heads that two readers could understand in two ways, or that no client sends (RFC 9112, and public lists of attacks). */
const refused: Readonly<Record<string, string>> = {
  "two lengths": post("content-length: 1", "content-length: 2"),
  "two equal lengths": post("content-length: 1", "Content-Length: 1"),
  "a list of lengths": post("content-length: 1, 1"),
  "a negative length": post("content-length: -1"),
  "a length with a sign": post("content-length: +1"),
  "a length in hexadecimal": post("content-length: 0x10"),
  "a length with an underscore": post("content-length: 1_0"),
  "a length that is not exact": post("content-length: 9007199254740993"),
  "a length of many digits": post(`content-length: ${"9".repeat(40)}`),
  "an empty length": post("content-length:"),
  "a length of other digits": post("content-length: \xb2"),
  "length and chunks": post("content-length: 3", "transfer-encoding: chunked"),
  "chunks and length": post("transfer-encoding: chunked", "content-length: 3"),
  "chunks twice": post("transfer-encoding: chunked", "transfer-encoding: chunked"),
  "chunks and identity": post("transfer-encoding: chunked", "transfer-encoding: identity"),
  "identity, then chunks": post("transfer-encoding: identity, chunked"),
  "chunks, then identity": post("transfer-encoding: chunked, identity"),
  "gzip and chunks": post("transfer-encoding: gzip, chunked"),
  "another coding": post("transfer-encoding: xchunked"),
  "a quoted coding": post('transfer-encoding: "chunked"'),
  "a coding with a vertical tab": post("transfer-encoding: \x0bchunked"),
  "a coding with a comma": post("transfer-encoding: chunked,"),
  "an empty coding": post("transfer-encoding:"),
  "a coding behind a space that is none": post("transfer-encoding: \xa0chunked"),
  "a space before a colon": post("transfer-encoding : chunked"),
  "a tab before a colon": post("content-length\t: 3"),
  "a folded header": post("x: 1", " transfer-encoding: chunked"),
  "a folded coding": post("transfer-encoding:", " chunked"),
  "a tab at the begin of a line": post("\tx: 1"),
  "a name with a space": post("x y: 1"),
  "no name": post(": 1"),
  "no colon": post("x"),
  "NUL in a name": post("x\0: 1"),
  "NUL in a value": post("x: a\0b"),
  "a bare CR in a value": post("x: a\rtransfer-encoding: chunked"),
  "a bare LF in a value": post("x: a\ntransfer-encoding: chunked"),
  "DEL in a value": post("x: \x7f"),
  "two hosts": post("host: b"),
  "no host": head("GET / HTTP/1.1"),
  "chunks in version 1.0": head("POST / HTTP/1.0", "host: a", "transfer-encoding: chunked"),
  "version 2": head("GET / HTTP/2.0", "host: a"),
  "version 1.2": head("GET / HTTP/1.2", "host: a"),
  "version 0.9": "GET /\r\n\r\n",
  "a version in lower case": head("GET / http/1.1", "host: a"),
  "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\n",
  "two spaces": head("GET  / HTTP/1.1", "host: a"),
  "a tab in the request line": head("GET\t/ HTTP/1.1", "host: a"),
  "a space at the end of the request line": head("GET / HTTP/1.1 ", "host: a"),
  "a space before the method": head(" GET / HTTP/1.1", "host: a"),
  "a space in the target": head("GET /a b HTTP/1.1", "host: a"),
  "a fragment": head("GET /a#b HTTP/1.1", "host: a"),
  "a target beyond ASCII": head("GET /\xe9 HTTP/1.1", "host: a"),
  "NUL in the target": head("GET /\0 HTTP/1.1", "host: a"),
  "a target without a slash": head("GET a HTTP/1.1", "host: a"),
  "an asterisk": head("OPTIONS * HTTP/1.1", "host: a"),
  "a tunnel": head("CONNECT a:1 HTTP/1.1", "host: a"),
  "no method": head("/ HTTP/1.1", "host: a"),
};

describe("a head that can be read in two ways (T306)", () => {
  it.each(Object.entries(refused))("is refused: %s", (_, text) => {
    expect(() => read(text)).toThrow(BadRequest);
  });

  it("has no byte that may be exchanged for a control character", () => {
    const good = post("content-length: 3", "x: y");
    for (let at = 0; at < good.length - 2; at++)
      for (const control of ["\0", "\r", "\n", "\x0b", "\x7f"]) {
        const text = good.slice(0, at) + control + good.slice(at + 1);
        if (text === good) continue;
        expect(() => read(text), JSON.stringify(text)).toThrow(BadRequest);
      }
  });
});
