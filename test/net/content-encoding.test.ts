import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { AppError } from "../../src/errors.ts";
import { inflatedBody, isCompressed } from "../../src/net/content-encoding.ts";

const mebibyte = 1024 * 1024;
/** Text with the density of a conversation. */
const text = JSON.stringify(
  Array.from({ length: 5000 }, (_, n) => ({ role: "user", content: `word ${n * 7919}` })),
);

const encoders: Record<string, (bytes: Uint8Array | string) => Buffer> = {
  gzip: zlib.gzipSync,
  "x-gzip": zlib.gzipSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
  deflate: zlib.deflateSync,
};

/** Reads a body that arrives in pieces. */
function inflated(encoding: string, bytes: Uint8Array, most = 32 * mebibyte, pieceBytes = 1000) {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
  const request = new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-encoding": encoding },
  });
  return inflatedBody(request, most, () => new AppError("payload_too_large", "too large"));
}

describe.each(Object.entries(encoders))("a body in %s (T62)", (encoding, encode) => {
  it("is decompressed, however it is cut", async () => {
    const short = text.slice(0, 20_000);
    expect((await inflated(encoding, encode(short), mebibyte, 1)).toString()).toBe(short);
    const bytes = encode(text);
    for (const size of [1000, bytes.length])
      expect((await inflated(encoding, bytes, mebibyte, size)).toString()).toBe(text);
    expect((await inflated(encoding.toUpperCase(), bytes)).toString()).toBe(text);
  });

  it("may be as large as the limit and no larger", async () => {
    const bytes = encode(text);
    expect(await inflated(encoding, bytes, text.length)).toHaveLength(text.length);
    await expect(inflated(encoding, bytes, text.length - 1)).rejects.toMatchObject({ message: "too large" });
    await expect(inflated(encoding, bytes, bytes.length - 1)).rejects.toMatchObject({ message: "too large" });
  });

  it("may not become 200 times as large, but for its first megabyte", async () => {
    expect(await inflated(encoding, encode(Buffer.alloc(mebibyte)))).toHaveLength(mebibyte);
    await expect(inflated(encoding, encode(Buffer.alloc(30 * mebibyte)))).rejects.toMatchObject({
      code: "payload_too_large",
      message: "the body becomes more than 200 times as large",
    });
  });

  it("is refused if it is something else, without a word of it", async () => {
    await expect(inflated(encoding, Buffer.from("sk-canary in plain text"))).rejects.toMatchObject({
      code: "invalid_request",
      message: `the body is not in its content-encoding, ${encoding}`,
    });
  });
});

it("a body of deflate may lack the header of zlib", async () => {
  expect((await inflated("deflate", zlib.deflateRawSync(text))).toString()).toBe(text);
});

it.each(["gzip", "br", "deflate"])("half a body in %s is refused", async (encoding) => {
  const bytes = encoders[encoding]!(text);
  await expect(inflated(encoding, bytes.subarray(0, -5))).rejects.toMatchObject({ code: "invalid_request" });
});

it("a frame of zstd cannot ask for a window of more than 8 MB", async () => {
  const params = { [zlib.constants.ZSTD_c_windowLog]: 27, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 };
  const bytes = zlib.zstdCompressSync(Buffer.alloc(20 * mebibyte, "xyz"), { params });
  await expect(inflated("zstd", bytes)).rejects.toMatchObject({ code: "invalid_request" });
});

it.each(["gzip, br", "gzip, gzip", "compress", "aes128gcm", "constructor", "__proto__"])(
  "the encoding %j is not accepted",
  async (encoding) => {
    await expect(inflated(encoding, Buffer.from(text))).rejects.toMatchObject({
      code: "unsupported_media_type",
      hint: "send gzip, br, zstd or deflate, or no content-encoding",
    });
  },
);

it.each([
  [undefined, false],
  ["", false],
  ["identity", false],
  ["Identity", false],
  ["gzip", true],
  ["nonsense", true],
])("content-encoding %j: compressed is %j", (encoding, expected) => {
  expect(isCompressed(new Headers(encoding === undefined ? {} : { "content-encoding": encoding }))).toBe(
    expected,
  );
});
