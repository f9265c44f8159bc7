import { describe, expect, it } from "vitest";
import { ResponseReader } from "../../bench/response.ts";

const counted = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const chunked =
  "HTTP/1.1 502 Bad Gateway\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{0\n\n}\r\n3\r\n\r\n0\r\n0\r\n\r\n";

describe("the load's reader of answers", () => {
  it.each([
    ["counted", counted, 200],
    ["chunked", chunked, 502],
  ])("finds the end of a %s answer, wherever it is cut, and then that of the next", (_, text, status) => {
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = new ResponseReader();
      for (let answer = 0; answer < 2; answer++) {
        expect(reader.push(bytes.subarray(0, cut))).toBe(false);
        expect(reader.push(bytes.subarray(cut))).toBe(true);
        expect(reader.status).toBe(status);
      }
    }
  });

  it("takes an answer byte by byte", () => {
    const reader = new ResponseReader();
    const ends = [...Buffer.from(chunked)].map((byte) => reader.push(Buffer.from([byte])));
    expect(ends.indexOf(true)).toBe(ends.length - 1);
  });

  it("refuses an answer whose end cannot be known", () => {
    expect(() => new ResponseReader().push(Buffer.from("HTTP/1.1 200 OK\r\n\r\nhello"))).toThrow(
      "no framing",
    );
  });
});
