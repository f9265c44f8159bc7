import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { firstFrameEnd, lastFrameEnd, type SseEvent, SseParser, sseFrame } from "../../src/wire/sse.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function parse(...pieces: (string | Uint8Array)[]): SseEvent[] {
  const parser = new SseParser();
  const events = pieces.flatMap((piece) => parser.push(typeof piece === "string" ? bytesOf(piece) : piece));
  return [...events, ...parser.end()];
}

describe("SseParser", () => {
  it.each([
    ["LF", "event: a\ndata: 1\n\ndata: 2\n\n"],
    ["CRLF", "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n"],
    ["CR", "event: a\rdata: 1\r\rdata: 2\r\r"],
    ["mixed", "event: a\rdata: 1\r\n\ndata: 2\n\r"],
    ["a byte order mark", "\uFEFFevent: a\ndata: 1\n\ndata: 2\n\n"],
    ["data without a space", "event:a\ndata:1\n\ndata:2\n\n"],
    ["comments", ": hello\n\nevent: a\n: in between\ndata: 1\n\n:\ndata: 2\n\n"],
    ["no last blank line", "event: a\ndata: 1\n\ndata: 2"],
  ])("reads %s (case 61)", (_name, text) => {
    const expected = [
      { event: "a", data: "1" },
      { event: "message", data: "2" },
    ];
    expect(parse(text)).toEqual(expected);
    expect(parse(...Array.from(bytesOf(text), (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it("joins data lines, keeps one leading space of two, and an empty line of data", () => {
    expect(parse("data: a\ndata:  b\ndata\n\n")).toEqual([{ event: "message", data: "a\n b\n" }]);
  });

  it("ignores unknown fields and events without data, and does not carry the event name along", () => {
    expect(parse("event: x\nretry: 3\n\nfoo: bar\ndata: 1\n\n")).toEqual([{ event: "message", data: "1" }]);
  });

  it("repeats the last id, which a reconnecting client needs", () => {
    expect(parse("id: 7\ndata: a\n\ndata: b\n\nid: 8\0\ndata: c\n\n").map(({ id }) => id)).toEqual([
      "7",
      "7",
      "7",
    ]);
    expect(parse("data: a\n\n")[0]).not.toHaveProperty("id");
  });

  it("returns an event as soon as its blank line ends in CR, and skips an LF after it (case 62)", () => {
    const parser = new SseParser();
    expect(parser.push(bytesOf("data: 1\r\n\r"))).toHaveLength(1);
    expect(parser.push(bytesOf("\ndata: 2\n\n"))).toEqual([{ event: "message", data: "2" }]);
  });

  it("reads the same events from bytes cut anywhere, also inside a character (T66, case 62)", () => {
    const text = 'event: délta\r\ndata: {"a":"東京 👋🏽"}\r\n\r\n: é\r\rdata: ü\ndata:\n\nid: ß\ndata: x\n\n';
    const whole = parse(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytesOf(text).length)), (cuts) => {
        const bytes = bytesOf(text);
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
        expect(parse(...pieces)).toEqual(whole);
      }),
    );
    expect(JSON.stringify(whole)).not.toContain("\uFFFD");
  });

  it("refuses an event that never ends, in one line or in many (T66)", () => {
    const oneLine = new SseParser({ maxEventBytes: 100 });
    oneLine.push(bytesOf(`data: ${"x".repeat(90)}`));
    expect(() => oneLine.push(bytesOf("xxxxxxxxxxx"))).toThrow(
      expect.objectContaining({ code: "provider_error" }),
    );
    const manyLines = new SseParser({ maxEventBytes: 100 });
    expect(() => manyLines.push(bytesOf("data:\n".repeat(21)))).toThrow("exceeds 100 bytes");
  });

  it("does not count comments and finished events towards the limit", () => {
    const parser = new SseParser({ maxEventBytes: 100 });
    expect(
      parser.push(bytesOf(`${": keep-alive\n".repeat(1000)}${`data: ${"x".repeat(80)}\n\n`.repeat(50)}`)),
    ).toHaveLength(50);
  });
});

it("tells the last id and the time to wait, also of events without data", () => {
  const parser = new SseParser();
  expect([parser.lastEventId, parser.retry]).toEqual([undefined, undefined]);
  expect(parser.push(bytesOf("id: one\nretry: 500\n\n"))).toEqual([]);
  expect([parser.lastEventId, parser.retry]).toEqual(["one", 500]);
  parser.push(bytesOf("retry: soon\nretry: -1\nid: a\0b\n\n"));
  expect([parser.lastEventId, parser.retry]).toEqual(["one", 500]);
});

describe("sseFrame", () => {
  it("splits data at every kind of line end, so that a parser returns it", () => {
    const frame = sseFrame({ event: "e", id: "1", data: "a\nb\r\nc\rd" });
    expect(frame).toBe("event: e\nid: 1\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    expect(parse(frame)).toEqual([{ event: "e", id: "1", data: "a\nb\nc\nd" }]);
  });

  it.each(["a\nb", "a\rb", "a\0b"])("refuses %j as event or id", (value) => {
    expect(() => sseFrame({ event: value, data: "" })).toThrow("one line");
    expect(() => sseFrame({ id: value, data: "" })).toThrow("one line");
  });
});

describe("frame ends", () => {
  it.each([
    ["a\n\nb\n\n", 3, 6],
    ["a\r\n\r\nb\r\n\r\n", 5, 10],
    ["a\r\rb\r\r", 3, 6],
    ["a\n\rb\r\n\n", 3, 7],
    ["a\r\n", -1, 0],
    ["a\r\n\r", -1, 0],
    ["a\nb\r\nc\r", -1, 0],
    ["", -1, 0],
  ])("of %j", (text, first, last) => {
    expect(firstFrameEnd(bytesOf(text))).toBe(first);
    expect(lastFrameEnd(bytesOf(text))).toBe(last);
  });

  it("are found behind long lines, whatever ends them", () => {
    const line = "x".repeat(3000);
    for (const [blank, single] of [
      ["\n\n", "\n"],
      ["\r\n\r\n", "\r\n"],
      ["\r\r", "\r"],
      ["\n\r\n", "\r\n"],
    ]) {
      const frame = `${line}${single}${line}${blank}`;
      const bytes = bytesOf(frame + frame + line + single);
      expect(firstFrameEnd(bytes)).toBe(frame.length);
      expect(firstFrameEnd(bytes, frame.length)).toBe(2 * frame.length);
      expect(firstFrameEnd(bytes, 2 * frame.length)).toBe(-1);
      expect(lastFrameEnd(bytes)).toBe(2 * frame.length);
      expect(lastFrameEnd(bytes, 2 * frame.length)).toBe(0);
    }
  });
});
