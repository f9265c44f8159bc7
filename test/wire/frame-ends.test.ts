import { describe, expect, it } from "vitest";
import { areComments, endsFrame } from "../../src/wire/frame-ends.ts";

describe("areComments", () => {
  it.each([":", ":\n", ": x: y\n\n", ":\r\n\r\n:\r:", ":\n\n\n:a\n"])("is true for %j", (text) => {
    expect(areComments(Buffer.from(text))).toBe(true);
  });

  it.each(["", "\n:", "data: x\n\n", ":\ndata: x\n\n", ":\r\ndata", ":\n\nx", ":\r x"])(
    "is false for %j",
    (text) => {
      expect(areComments(Buffer.from(text))).toBe(false);
    },
  );

  it("takes a small part of the time that a text for each line takes (T336)", () => {
    const flood = Buffer.from(":\n".repeat(1_000_000));
    const timeOf = (work: () => unknown) => {
      const { user } = process.cpuUsage();
      for (let n = 0; n < 4; n++) expect(work()).toBe(true);
      return process.cpuUsage().user - user;
    };
    areComments(flood);
    const split = timeOf(() =>
      flood
        .toString()
        .split(/[\r\n]+/)
        .every((line) => line === "" || line.startsWith(":")),
    );
    expect(timeOf(() => areComments(flood))).toBeLessThan(split / 3);
  });
});

describe("endsFrame", () => {
  it.each([
    ["data: x\n\n", true],
    ["data: x\r\n\r\n", true],
    ["data: x\n", false],
    ["\n", false],
    ["", false],
  ])("of %j is %j", (text, expected) => {
    expect(endsFrame(Buffer.from(text))).toBe(expected);
  });
});
