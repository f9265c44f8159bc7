import { expect, it } from "vitest";
import { CoolDown } from "../../../../src/server/inference/pools/cool-down.ts";

function coolDown() {
  const clock = { now: 0 };
  const llms = new CoolDown(() => clock.now);
  const fail = (times: number, retryAfter?: number) => {
    for (let n = 0; n < times; n++) llms.failed("a", retryAfter);
  };
  return { clock, llms, fail };
}

it("begins the cool-down of an llm after three failures in a row, and of no other llm", () => {
  const { llms, fail } = coolDown();
  fail(2);
  expect(llms.isCoolingDown("a")).toBe(false);
  llms.succeeded("a");
  fail(2);
  expect(llms.isCoolingDown("a")).toBe(false);
  fail(1);
  expect([llms.isCoolingDown("a"), llms.isCoolingDown("b")]).toEqual([true, false]);
});

it("lets one probe through after 30 s, whose success ends the cool-down", () => {
  const { clock, llms, fail } = coolDown();
  fail(3);
  clock.now = 29_999;
  expect(llms.claimProbe("a", "req_1")).toBe(false);
  clock.now = 30_000;
  expect(llms.claimProbe("a", "req_1")).toBe(true);
  for (let n = 2; n < 52; n++) expect(llms.claimProbe("a", `req_${n}`)).toBe(false);
  expect(llms.isCoolingDown("a")).toBe(true);
  llms.succeeded("a");
  expect(llms.isCoolingDown("a")).toBe(false);
  expect(llms.claimProbe("a", "req_1")).toBe(false);
});

it("begins another cool-down of 30 s when the probe fails", () => {
  const { clock, llms, fail } = coolDown();
  fail(3);
  clock.now = 40_000;
  expect(llms.claimProbe("a", "req_1")).toBe(true);
  fail(1);
  clock.now = 69_999;
  expect(llms.claimProbe("a", "req_2")).toBe(false);
  clock.now = 70_000;
  expect(llms.claimProbe("a", "req_2")).toBe(true);
});

it("allows another probe when the caller of the probe left, and not when another caller left", () => {
  const { clock, llms, fail } = coolDown();
  fail(3);
  clock.now = 30_000;
  llms.claimProbe("a", "req_1");
  llms.undecided("a", "req_2");
  expect(llms.claimProbe("a", "req_2")).toBe(false);
  llms.undecided("a", "req_1");
  expect(llms.claimProbe("a", "req_2")).toBe(true);
});

it("lasts as long as the provider's retry-after, up to five minutes", () => {
  const { clock, llms, fail } = coolDown();
  fail(3, 90);
  clock.now = 89_999;
  expect(llms.claimProbe("a", "req_1")).toBe(false);
  clock.now = 90_000;
  expect(llms.claimProbe("a", "req_1")).toBe(true);
  fail(1, 86_400);
  clock.now = 90_000 + 299_999;
  expect(llms.claimProbe("a", "req_2")).toBe(false);
  clock.now = 90_000 + 300_000;
  expect(llms.claimProbe("a", "req_2")).toBe(true);
});

it("forgets the failures of an llm that was changed", () => {
  const { llms, fail } = coolDown();
  fail(3);
  llms.forget("a");
  expect(llms.isCoolingDown("a")).toBe(false);
  fail(2);
  expect(llms.isCoolingDown("a")).toBe(false);
});

it("begins at once for an llm that refuses connections", () => {
  const coolDown = new CoolDown(() => 0);
  coolDown.failed("a", undefined, true);
  expect(coolDown.isCoolingDown("a")).toBe(true);
});
