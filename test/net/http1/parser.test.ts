import { describe, expect, it } from "vitest";
import { MalformedMessage } from "../../../src/net/http1/malformed-message.ts";
import { ResponseParser } from "../../../src/net/http1/parser.ts";

function parse(wire: string | Buffer, cuts: number[] = [], method = "GET", closes = false) {
  const bytes = Buffer.from(wire as string, "latin1");
  const seen = { status: 0, headers: {} as Record<string, string>, body: "", heads: 0, ends: 0 };
  const parser = new ResponseParser(
    {
      head(head) {
        seen.status = head.status;
        seen.headers = Object.fromEntries(head.headers);
        seen.heads++;
      },
      push(part) {
        expect(part.length).toBeGreaterThan(0);
        seen.body += part.toString("latin1");
      },
      end() {
        seen.ends++;
      },
    },
    method,
  );
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    parser.push(Buffer.from(bytes.subarray(from, cut)));
    from = cut;
  }
  if (closes) parser.close();
  return { ...seen, done: parser.done, keepAlive: parser.keepAlive, surplus: parser.surplus };
}

it("passes many small chunks of one read in few parts, and the first ones one by one (T63)", () => {
  const parts: string[] = [];
  const parser = new ResponseParser(
    { head() {}, push: (part) => parts.push(part.toString("latin1")), end: () => parts.push("end") },
    "GET",
  );
  const letters = Array.from({ length: 1000 }, (_, n) => String.fromCharCode(97 + (n % 26)));
  const chunks = letters.map((letter) => `1;a=b\r\n${letter}\r\n`).join("");
  parser.push(Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`));
  expect(parts).toEqual([...letters.slice(0, 16), letters.slice(16).join(""), "end"]);
});

it("passes what came before a malformed chunk (T63)", () => {
  const parts: string[] = [];
  const parser = new ResponseParser(
    { head() {}, push: (part) => parts.push(part.toString("latin1")), end() {} },
    "GET",
  );
  const wire = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(20)}zz`;
  expect(() => parser.push(Buffer.from(wire))).toThrow(MalformedMessage);
  expect(parts.join("")).toBe("x".repeat(20));
});

const good: Record<
  string,
  { wire: string; closes?: boolean; body: string; keepAlive: boolean; method?: string }
> = {
  "a sized body": {
    wire: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    body: "hello",
    keepAlive: true,
  },
  "an empty body": { wire: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", body: "", keepAlive: true },
  "chunks with extensions and trailers": {
    wire: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n00A ; q="x"\r\n, world\r\n!\r\n0;last\r\nx-sum: 1\r\nx-b:\r\n\r\n',
    body: "hello, world\r\n!",
    keepAlive: true,
  },
  "a body until the close": {
    wire: "HTTP/1.1 200\r\nx: y\r\n\r\nall of it",
    body: "all of it",
    closes: true,
    keepAlive: false,
  },
  "interim responses first": {
    wire: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    body: "ok",
    keepAlive: true,
  },
  "204 with a content length": {
    wire: "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
    body: "",
    keepAlive: true,
  },
  "304 with a content length": {
    wire: "HTTP/1.1 304 \r\ncontent-length: 5\r\n\r\n",
    body: "",
    keepAlive: true,
  },
  "a response to HEAD": {
    wire: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    body: "",
    keepAlive: true,
    method: "HEAD",
  },
  "close among the options": {
    wire: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nConnection: x, Close\r\n\r\n!",
    body: "!",
    keepAlive: false,
  },
  "HTTP/1.0": { wire: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n!", body: "!", keepAlive: false },
  "HTTP/1.0 that keeps alive": {
    wire: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: Keep-Alive\r\n\r\n!",
    body: "!",
    keepAlive: true,
  },
};

describe("the response parser reads the same from a valid response however it is cut", () => {
  for (const [name, { wire, closes, body, keepAlive, method }] of Object.entries(good)) {
    it(name, () => {
      const whole = parse(wire, [], method, closes);
      expect(whole).toMatchObject({ body, keepAlive, done: true, surplus: false, heads: 1, ends: 1 });
      for (let cut = 1; cut < wire.length; cut++) {
        expect(parse(wire, [cut], method, closes)).toEqual(whole);
      }
      const everywhere = Array.from({ length: wire.length - 1 }, (_, index) => index + 1);
      expect(parse(wire, everywhere, method, closes)).toEqual(whole);
    });
  }
});

it("the response parser joins repeated headers, trims values and lowers names", () => {
  const { headers } = parse("HTTP/1.1 200 OK\r\nX-A:  1 \t\r\nx-a: 2\r\nEmpty:\r\ncontent-length: 0\r\n\r\n");
  expect(headers).toEqual({ "x-a": "1, 2", empty: "", "content-length": "0" });
});

it("the response parser reads the framing also if the headers are never read", () => {
  const parser = new ResponseParser({ head() {}, push() {}, end() {} }, "GET");
  parser.push(Buffer.from("HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\nCONNECTION: close\r\n\r\nok"));
  expect([parser.done, parser.keepAlive]).toEqual([true, false]);
});

it("the response parser reports bytes after the end, and does not take them for body", () => {
  const answer = parse("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n");
  expect(answer).toMatchObject({ body: "ok", surplus: true, heads: 1, ends: 1 });
});

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`;
const bad: Record<string, string> = {
  "not HTTP": "SSH-2.0-OpenSSH_9.6\r\n\r\n",
  "HTTP/2": "HTTP/2.0 200 OK\r\n\r\n",
  "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
  "a status below 100": "HTTP/1.1 099 OK\r\n\r\n",
  "a status without a space before its reason": "HTTP/1.1 200OK\r\n\r\n",
  "a reason with NUL": "HTTP/1.1 200 O\0K\r\n\r\n",
  "a switch of protocols": "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
  "a folded header": `${ok}a: 1\r\n  2\r\n\r\n`,
  "a space before the colon": `${ok}content-length : 2\r\n\r\nok`,
  "a header without a name": `${ok}: 2\r\n\r\n`,
  "a header without a colon": `${ok}abc\r\n\r\n`,
  "a bare LF in a value": `${ok}a: 1\nset-cookie: x\r\n\r\n`,
  "a bare CR in a value": `${ok}a: 1\rset-cookie: x\r\n\r\n`,
  "NUL in a value": `${ok}a: \0\r\n\r\n`,
  "bare LFs throughout": "HTTP/1.1 200 OK\ncontent-length: 0\n\r\n\r\n",
  "a signed length": `${ok}content-length: +2\r\n\r\nok`,
  "a hexadecimal length": `${ok}content-length: 0x2\r\n\r\nok`,
  "an empty length": `${ok}content-length:\r\n\r\nok`,
  "two lengths": `${ok}content-length: 2\r\ncontent-length: 3\r\n\r\nok`,
  "a length and chunks": `${ok}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  "another coding": `${ok}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  "chunked twice": `${ok}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  "chunks in HTTP/1.0": "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "a chunk without size": `${chunked}\r\n`,
  "a chunk size that is not a number": `${chunked}g\r\n`,
  "a signed chunk size": `${chunked}-1\r\n`,
  "a chunk size that is too large": `${chunked}ffffffffffffffff\r\n`,
  "a chunk longer than its size": `${chunked}2\r\nabc\r\n`,
  "a chunk without its end": `${chunked}2\r\nab0\r\n\r\n`,
  "a chunk ended by LF": `${chunked}2\r\nab\n0\r\n\r\n`,
  "a chunk size ended by LF": `${chunked}2\nab\r\n`,
  "LF in a chunk extension": `${chunked}2;a\nb\r\nab\r\n`,
  "an endless chunk extension": `${chunked}2;${"a".repeat(5000)}`,
  "an endless trailer": `${chunked}0\r\na: ${"a".repeat(70_000)}`,
  "LF in a trailer": `${chunked}0\r\na: b\n\r\n`,
  "an endless head": `${ok}a: ${"a".repeat(70_000)}`,
  "a whole head over the limit": `${ok}a: ${"a".repeat(70_000)}\r\n\r\n`,
  "endless interim responses": "HTTP/1.1 100 Continue\r\n\r\n".repeat(3000),
};

describe("the response parser refuses a malformed response however it is cut", () => {
  for (const [name, wire] of Object.entries(bad)) {
    it(name, () => {
      expect(() => parse(wire)).toThrow(MalformedMessage);
      const step = Math.ceil(wire.length / 200);
      for (let cut = 1; cut < wire.length; cut += step)
        expect(() => parse(wire, [cut])).toThrow(MalformedMessage);
    });
  }
});

it("the response parser does not take the close for the end of a body with another framing", () => {
  for (const wire of [
    "",
    ok,
    `${ok}content-length: 3\r\n\r\nok`,
    `${chunked}2\r\nok\r\n`,
    `${chunked}0\r\n`,
  ]) {
    expect(() => parse(wire, [], "GET", true), JSON.stringify(wire)).toThrow(MalformedMessage);
  }
});

it("the response parser reads a head of nearly 64 KiB byte by byte", () => {
  const value = "a".repeat(65_000);
  const wire = `${ok}a: ${value}\r\ncontent-length: 1\r\n\r\n!`;
  const cuts = Array.from({ length: wire.length - 1 }, (_, index) => index + 1);
  expect(parse(wire, cuts)).toMatchObject({ body: "!", headers: { a: value, "content-length": "1" } });
});
