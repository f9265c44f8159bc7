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

it("three failures in a row put an llm out, and no other; a success in between does not count them together", () => {
  const { llms, fail } = coolDown();
  fail(2);
  expect(llms.isOut("a")).toBe(false);
  llms.succeeded("a");
  fail(2);
  expect(llms.isOut("a")).toBe(false);
  fail(1);
  expect([llms.isOut("a"), llms.isOut("b")]).toEqual([true, false]);
});

it("after 30 s one call is let through, and its success brings the llm back", () => {
  const { clock, llms, fail } = coolDown();
  fail(3);
  clock.now = 29_999;
  expect(llms.claimProbe("a", "req_1")).toBe(false);
  clock.now = 30_000;
  expect(llms.claimProbe("a", "req_1")).toBe(true);
  for (let n = 2; n < 52; n++) expect(llms.claimProbe("a", `req_${n}`)).toBe(false);
  expect(llms.isOut("a")).toBe(true);
  llms.succeeded("a");
  expect(llms.isOut("a")).toBe(false);
  expect(llms.claimProbe("a", "req_1")).toBe(false);
});

it("a probe that fails puts it out for another 30 s", () => {
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

it("a probe whose caller left makes way for another; any other call's end does not", () => {
  const { clock, llms, fail } = coolDown();
  fail(3);
  clock.now = 30_000;
  llms.claimProbe("a", "req_1");
  llms.undecided("a", "req_2");
  expect(llms.claimProbe("a", "req_2")).toBe(false);
  llms.undecided("a", "req_1");
  expect(llms.claimProbe("a", "req_2")).toBe(true);
});

it("the provider's own retry-after says how long, up to five minutes", () => {
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

it("an llm that was changed starts afresh", () => {
  const { llms, fail } = coolDown();
  fail(3);
  llms.forget("a");
  expect(llms.isOut("a")).toBe(false);
  fail(2);
  expect(llms.isOut("a")).toBe(false);
});

it("one that cannot be connected to is out at once", () => {
  const coolDown = new CoolDown(() => 0);
  coolDown.failed("a", undefined, true);
  expect(coolDown.isOut("a")).toBe(true);
});
