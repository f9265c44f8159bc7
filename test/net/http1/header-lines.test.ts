import { describe, expect, it } from "vitest";
import { parseHeaders } from "../../../src/net/http1/fields.ts";
import { HeaderLines, headersNaming } from "../../../src/net/http1/header-lines.ts";

const lines = [
  "Content-Type:application/json",
  "X-RateLimit-Remaining-Requests: 9 ",
  "Set-Cookie: a=1",
  "X-Note: ratelimit: none, x-ratelimit-limit: 5",
  "set-cookie:\t b=2",
  "Empty:",
  "x-ratelimit-remaining-requests: 8",
  "X-Latin: \u00c9\u00df\u00ff",
].join("\r\n");

describe("HeaderLines", () => {
  const headers = new HeaderLines(lines);

  it("finds each header that a table of all has, and no other", () => {
    const table = parseHeaders(lines);
    expect([...headers]).toEqual([...table]);
    for (const [name, value] of table) expect(headers.get(name)).toBe(value);
    for (const [name] of table) expect(headers.has(name)).toBe(true);
    for (const name of [
      "content",
      "type",
      "ratelimit",
      "x-ratelimit-limit",
      "cookie",
      "",
      "content-type:application/json",
    ]) {
      expect(headers.get(name)).toBeUndefined();
      expect(headers.has(name)).toBe(false);
    }
  });

  it("joins a repeated header, without the blanks around its values", () => {
    expect(headers.get("set-cookie")).toBe("a=1, b=2");
    expect(headers.get("empty")).toBe("");
  });

  it("lists the headers whose names have a text in them, and not those whose values do", () => {
    const limits = [["x-ratelimit-remaining-requests", "9, 8"]];
    expect(headersNaming(headers, "ratelimit")).toEqual(limits);
    expect(headersNaming(parseHeaders(lines), "ratelimit")).toEqual(limits);
    expect(headersNaming(headers, "x-nothing")).toEqual([]);
  });

  it("has no header without lines", () => {
    const none = new HeaderLines("");
    expect([[...none], none.get("a"), none.has("a"), headersNaming(none, "a")]).toEqual([
      [],
      undefined,
      false,
      [],
    ]);
  });

  it("reads lines whose values repeat what is looked for in a time that grows with their length", () => {
    const long = new HeaderLines(`x-a: ${"ratelimit ".repeat(100_000)}\r\nx-ratelimit: 1`);
    const started = process.cpuUsage();
    expect(headersNaming(long, "ratelimit")).toEqual([["x-ratelimit", "1"]]);
    const { user, system } = process.cpuUsage(started);
    // Looked at once for each time, it would be minutes.
    expect(user + system).toBeLessThan(2_000_000);
  });
});
