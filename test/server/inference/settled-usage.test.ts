import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sentRequest } from "../../../src/server/inference/estimated-usage.ts";
import { settledUsage } from "../../../src/server/inference/settled-usage.ts";

const nothing = { total: 0, tokens: () => 0 };
const received = (tokens: number, total = tokens * 100) => ({ total, tokens: () => tokens });
const sent = sentRequest({ text: "word ".repeat(2000), body: {} }, 4096);
const usual = { sent, received: received(900), isBroken: false, isVirtual: false };
const told = { promptTokens: 2100, completionTokens: 950, cachedTokens: 500 };

describe("the usage that is settled (T126)", () => {
  it("is the report where it is plausible, also below the estimate", () => {
    for (const usage of [
      told,
      { ...told, promptTokens: 1500, cachedTokens: 0 },
      { ...told, completionTokens: 300 },
    ])
      expect(settledUsage(usage, usual)).toEqual({ usage, isEstimated: false });
  });

  it("is estimated where the provider reports none, or only a part", () => {
    const none = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
    expect(settledUsage(none, usual)).toMatchObject({
      usage: { promptTokens: sent.promptTokens, completionTokens: 900 },
      isEstimated: true,
    });
    expect(settledUsage({ ...told, completionTokens: 0 }, usual).usage).toEqual({
      ...told,
      completionTokens: 900,
    });
    expect(settledUsage({ ...told, promptTokens: 0, cachedTokens: 0 }, usual).usage.promptTokens).toBe(
      sent.promptTokens,
    );
  });

  it("is estimated where the report is far too small for the text", () => {
    const { usage, isEstimated } = settledUsage(
      { promptTokens: 1, completionTokens: 1, cachedTokens: 1 },
      usual,
    );
    expect([usage, isEstimated]).toEqual([
      { promptTokens: sent.promptTokens, completionTokens: 900, cachedTokens: 1 },
      true,
    ]);
  });

  it("believes small reports of short calls, and of text that is not looked at", () => {
    const short = {
      ...usual,
      sent: sentRequest({ text: "x".repeat(300), body: {} }, undefined),
      received: received(90),
    };
    const small = { promptTokens: 3, completionTokens: 2, cachedTokens: 0 };
    expect(settledUsage(small, short)).toEqual({ usage: small, isEstimated: false });
    const unread = { total: 1000, tokens: () => expect.unreachable("a plausible report needs no estimate") };
    settledUsage({ ...told, completionTokens: 100 }, { ...usual, received: unread });
  });

  it("is zero before a request is sent", () => {
    const usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
    expect(settledUsage(usage, { ...usual, sent: undefined })).toEqual({ usage, isEstimated: false });
  });

  it("is the larger of the report and the text of a call that broke", () => {
    const broken = { ...usual, isBroken: true };
    expect(settledUsage({ ...told, completionTokens: 1 }, broken).usage.completionTokens).toBe(900);
    expect(settledUsage({ ...told, completionTokens: 1000 }, broken).usage.completionTokens).toBe(1000);
  });

  it("never is below the report, nor negative, nor has parts larger than their whole", () => {
    const odd = fc.oneof(fc.integer(), fc.double(), fc.constant(Number.NaN), fc.constant(undefined as never));
    const usage = fc.record({
      promptTokens: odd,
      completionTokens: odd,
      cachedTokens: odd,
      cacheWriteTokens: odd,
    });
    fc.assert(
      fc.property(
        usage,
        fc.nat(5000),
        fc.boolean(),
        fc.boolean(),
        (reported, tokens, isBroken, isVirtual) => {
          const call = { sent, received: tokens ? received(tokens) : nothing, isBroken, isVirtual };
          const { usage: settled } = settledUsage(reported, call);
          const counts = Object.values(settled);
          expect(counts.every((count) => Number.isInteger(count) && count >= 0 && count <= 1e8)).toBe(true);
          expect(settled.cachedTokens + (settled.cacheWriteTokens ?? 0)).toBeLessThanOrEqual(
            settled.promptTokens,
          );
          if (!isVirtual && reported.promptTokens > 0)
            expect(settled.promptTokens).toBeGreaterThanOrEqual(
              Math.min(1e8, Math.round(reported.promptTokens)),
            );
        },
      ),
    );
  });
});
