import { describe, expect, it } from "vitest";
import { limitResetIn, retryTimeOf } from "../../src/adapters/retry-time.ts";

const now = Date.parse("2026-01-01T00:00:00Z");
const seconds = (headers: Record<string, string>) => limitResetIn(new Map(Object.entries(headers)), now);

describe("the time until a limit that is used up is there again (case 175)", () => {
  it.each([
    ["a duration", { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s" }, 360],
    [
      "a time",
      {
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:09Z",
      },
      9,
    ],
    ["seconds", { "ratelimit-remaining": "0", "ratelimit-reset": "12" }, 12],
    ["seconds since 1970", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${now / 1000 + 5}` }, 5],
    ["milliseconds since 1970", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${now + 2500}` }, 2.5],
    ["a time that is over", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${now - 2500}` }, 0],
  ])("is read from %s", (_name, headers, expected) => {
    expect(seconds(headers as unknown as Record<string, string>)).toBe(expected);
  });

  it("is that of the last one of several", () => {
    const headers = {
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "20s",
    };
    expect(seconds(headers)).toBe(20);
  });

  it.each([
    [{ "x-ratelimit-remaining": "3", "x-ratelimit-reset": "60" }],
    [{ "x-ratelimit-remaining": "0" }],
    [{ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon" }],
    [{ "x-ratelimit-reset": "60" }],
  ])("is not told by %j", (headers) => {
    expect(seconds(headers as unknown as Record<string, string>)).toBeUndefined();
  });
});

it("retryTimeOf reads the headers that OpenRouter keeps in an error (case 175)", () => {
  const headers = { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(Date.now() + 30_000) };
  expect(retryTimeOf("Rate limit exceeded", { metadata: { headers } })).toBeGreaterThan(25);
  expect(retryTimeOf("Rate limit exceeded", { metadata: { headers: "x" } })).toBeUndefined();
});
