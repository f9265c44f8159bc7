import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { testServer } from "../../../support/server.ts";

/** A response as its bytes are. */
async function raw(url: string, headers: Record<string, string>) {
  const response = await fetch(url, { headers, decompress: false } as RequestInit);
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

const html = { accept: "text/html,*/*;q=0.8" };

it("the page goes to browsers, and programs still get the base URLs", async () => {
  const server = await testServer();
  const text = await server.as()("GET", "/");
  expect(text.text).toContain("Base URL of OpenAI's clients");
  expect(text.headers.get("vary")).toBe("accept");
  const { status, headers, bytes } = await raw(server.url, html);
  expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
  expect(bytes.toString()).toContain('<div id="app">');
});

it("the page may run its own files alone, connects to its own server alone, and stands in no frame (T76, T78, T271)", async () => {
  const server = await testServer();
  const { headers, bytes } = await raw(server.url, html);
  const policy = headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(policy).toContain("connect-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types dompurify");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(Object.fromEntries(headers)).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  });
  expect(headers.get("permissions-policy")).toContain("camera=()");
  expect(headers.has("access-control-allow-origin")).toBe(false);
  expect(bytes.toString()).not.toMatch(/<script(?![^>]* src="\/assets\/)|<style|\son\w+=|style=/);
});

it("its files are compressed in advance, kept for good, and not sent again", async () => {
  const server = await testServer();
  const page = (await raw(server.url, html)).bytes.toString();
  const name = /\/assets\/main-\w+\.js/.exec(page)![0];
  const plain = await raw(server.url + name, {});
  expect(plain.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(plain.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  const br = await raw(server.url + name, { "accept-encoding": "gzip, deflate, br;q=0.9" });
  expect(br.headers.get("content-encoding")).toBe("br");
  expect(brotliDecompressSync(br.bytes).equals(plain.bytes)).toBe(true);
  const gzip = await raw(server.url + name, { "accept-encoding": "gzip, br;q=0" });
  expect(gzip.headers.get("content-encoding")).toBe("gzip");
  expect(gunzipSync(gzip.bytes).equals(plain.bytes)).toBe(true);
  const zstd = await raw(server.url + name, { "accept-encoding": "zstd" });
  expect(Buffer.from(Bun.zstdDecompressSync(zstd.bytes)).equals(plain.bytes)).toBe(true);
  const again = await raw(server.url + name, {
    "accept-encoding": "br",
    "if-none-match": br.headers.get("etag")!,
  });
  expect([again.status, again.bytes.length]).toEqual([304, 0]);
  for (const wrong of [
    "/assets/index.html",
    "/assets/constructor",
    "/assets/none.js",
    "/assets/..%2findex.html",
  ])
    expect((await raw(server.url + wrong, {})).status, wrong).toBe(404);
});
