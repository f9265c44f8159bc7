import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { describe, expect, it } from "vitest";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const streaming = { ...question, stream: true, max_tokens: 99 };
const frames = chatFrames(["hello ", "there"], true).join("");

const encoders: Record<string, (text: string) => Buffer> = {
  gzip: gzipSync,
  "X-GZIP": gzipSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  deflate: deflateSync,
  "deflate ": deflateRawSync,
};

const head = (encoding: string, length: number, type = "text/event-stream", status = 200) =>
  `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${length}\r\n\r\n`;

/** A provider whose answer is compressed, in pieces of so many bytes. */
const answering = (encoding: string, bytes: Buffer, piece = Number.POSITIVE_INFINITY, type?: string) =>
  withProvider(
    (_, connection) => {
      connection.write(head(encoding, bytes.length, type));
      for (let at = 0; at < bytes.length; at += piece) connection.write(bytes.subarray(at, at + piece));
    },
    { responses: "translated" },
  );

describe("a stream that is compressed although nobody asked for it (case 156)", () => {
  it.each(Object.entries(encoders))("%s is served to callers of every dialect", async (encoding, encode) => {
    const { call, server, provider } = await answering(encoding, encode(frames), 7);
    const chat = await call("POST", chatPath, streaming);
    expect([chat.status, chat.headers.get("content-encoding")]).toEqual([200, null]);
    expect(chat.text).toMatch(/"hello "[\s\S]*"there"[\s\S]*\[DONE\]/);
    expect((await call("POST", messagesPath, streaming)).text).toContain("message_stop");
    const responses = await call("POST", "/v1/responses", { model: "gpt", input: "hi", stream: true });
    expect(responses.text).toContain('"type":"response.completed"');
    expect(provider.seen[0]!.headers["accept-encoding"]).toBe("identity");
    expect(server.logged).toEqual([]);
  });

  it("reaches the caller piece by piece, before the provider goes on", async () => {
    const more = Promise.withResolvers<void>();
    const [role, words, ...rest] = chatFrames(["hello ", "there"], true) as [string, string, ...string[]];
    const { server, bearer } = await withProvider(async (_, connection) => {
      const gzip = createGzip();
      gzip.on("data", (bytes: Buffer) => {
        connection.write(`${bytes.length.toString(16)}\r\n`);
        connection.write(bytes);
        connection.write("\r\n");
      });
      gzip.on("end", () => connection.write("0\r\n\r\n"));
      connection.write(
        "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n",
      );
      gzip.write(role + words);
      await new Promise<void>((flushed) => gzip.flush(constants.Z_SYNC_FLUSH, flushed));
      await more.promise;
      gzip.end(rest.join(""));
    });
    const caller = await postRaw(server.url, bearer, chatPath, streaming);
    await caller.until("hello ");
    expect(caller.text).not.toContain("there");
    more.resolve();
    await caller.until("[DONE]");
    expect(await caller.ended).toBe(true);
  });

  it("that is cut is one error, and what came before the cut is sent", async () => {
    const packed = gzipSync(frames, { level: 0 });
    const { call, server } = await withProvider((_, connection) => {
      connection.write(head("gzip", packed.length));
      connection.end(packed.subarray(0, packed.indexOf("there") - 60));
    });
    const { text } = await call("POST", chatPath, streaming);
    expect(text).toContain("hello ");
    expect(text).toContain("not usable: the response stopped in the middle");
    expect(await onlyEvent(server)).toMatchObject({ status: 502 });
  });

  it("that grows without end is ended at a limit (T194)", async () => {
    const bomb = zstdCompressSync(`:${"x".repeat(64 * 1024 * 1024)}`);
    const { call, server } = await answering("zstd", bomb);
    const { text, status, body } = await call("POST", chatPath, streaming);
    const words = status === 200 ? text : body.error.message;
    expect(words).toContain("more than 200 times as large");
    expect(words.length).toBeLessThan(3 * 1024 * 1024);
    expect(await onlyEvent(server)).toMatchObject({ status: 502 });
  });

  it.each(["text/event-stream", "application/json"])(
    "in an encoding that is not known is 502 that names it, as %s",
    async (type) => {
      for (const encoding of ["compress", "gzip, br"]) {
        const { call, server } = await answering(encoding, Buffer.from("\x1f\x9d"), 99, type);
        const { status, body } = await call("POST", chatPath, { ...streaming, stream: type[0] === "t" });
        expect([status, body.error.message]).toEqual([
          502,
          `the provider's response is not usable: its content-encoding "${encoding}" is not known`,
        ]);
        expect(await onlyEvent(server)).toMatchObject({ status: 502 });
      }
    },
  );

  it("keeps the status of an error in an encoding that is not known", async () => {
    const { call } = await withProvider((_, connection) =>
      connection.write(`${head("compress", 2, "application/json", 418)}xx`),
    );
    const { status, body } = await call("POST", chatPath, streaming);
    expect([status, body.error.message]).toEqual([
      418,
      "the provider answered with status 418 and no explanation",
    ]);
  });

  it("in name only is read as it is", async () => {
    for (const encoding of ["gzip", "zstd"]) {
      const stream = await answering(encoding, Buffer.from(frames), 3);
      expect((await stream.call("POST", chatPath, streaming)).text).toContain("[DONE]");
      const whole = await answering(
        encoding,
        Buffer.from(JSON.stringify(chatAnswer("hi"))),
        3,
        "application/json",
      );
      expect((await whole.call("POST", chatPath, question)).body.choices[0].message.content).toBe("hi");
    }
  });
});
