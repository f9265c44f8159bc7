import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { goodProvider } from "../../support/upstream.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const encoders = {
  gzip: zlib.gzipSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
  deflate: zlib.deflateSync,
};

/** A server, and a function that posts a body with an encoding. */
async function compressing() {
  const all = await withProvider(goodProvider);
  const post = (encoding: string, bytes: Uint8Array<ArrayBuffer>, path = "/v1/chat/completions") =>
    fetch(all.server.url + path, {
      method: "POST",
      body: bytes,
      headers: {
        authorization: `Bearer ${all.bearer}`,
        "content-type": "application/json",
        "content-encoding": encoding,
      },
    });
  return { ...all, post };
}

describe("case 120: a call whose body is compressed", () => {
  it.each(Object.entries(encoders))("with %s reaches the provider uncompressed", async (encoding, encode) => {
    const { post, provider, server } = await compressing();
    const response = await post(encoding, encode(JSON.stringify(question)));
    expect([response.status, (await response.json()).choices[0].message.content]).toEqual([
      200,
      "hello there",
    ]);
    expect(provider.seen[0]!.body).toEqual({ ...question, model: "up" });
    expect(provider.seen[0]!.headers["content-encoding"]).toBeUndefined();
    expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
  });

  it("is refused beyond 32 MB and beyond 200 times, and calls no provider (T62)", async () => {
    const { post, provider } = await compressing();
    // Below the other limit, whichever part of it has come when it is looked at.
    const bomb = await post("gzip", zlib.gzipSync(Buffer.alloc(31 * 1024 * 1024)));
    expect([bomb.status, (await bomb.json()).error.message]).toEqual([
      413,
      expect.stringContaining("more than 200 times"),
    ]);
    const half = Buffer.alloc(256 * 1024);
    crypto.getRandomValues(half.subarray(0, 65536));
    const large = Buffer.concat(Array.from({ length: 129 }, () => half));
    const refused = await post(
      "zstd",
      zlib.zstdCompressSync(large, { params: { [zlib.constants.ZSTD_c_windowLog]: 17 } }),
    );
    expect([refused.status, (await refused.json()).error.message]).toEqual([
      413,
      "the body is larger than 32 MB",
    ]);
    expect(provider.seen).toEqual([]);
  });

  it("with another encoding, or with bytes that are not in it, is refused in the dialect's shape", async () => {
    const { post } = await compressing();
    const bytes = zlib.gzipSync(JSON.stringify(question));
    const unknown = await post("lzma", bytes, "/v1/messages");
    expect([unknown.status, (await unknown.json()).type]).toEqual([415, "error"]);
    const wrong = await post("br", bytes);
    expect([wrong.status, (await wrong.json()).error.message]).toEqual([
      400,
      "the body is not in its content-encoding, br",
    ]);
  });

  it("is not accepted by the API of the catalogue", async () => {
    const { post } = await compressing();
    const refused = await post("gzip", zlib.gzipSync("{}"), "/api/v1/auth/can-i");
    expect([refused.status, (await refused.json()).error]).toEqual([
      415,
      "compressed bodies are only accepted by calls of models whose body is JSON",
    ]);
  });
});
