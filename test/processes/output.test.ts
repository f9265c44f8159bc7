import { describe, expect, it } from "vitest";
import { LineSplitter } from "../../src/processes/line-splitter.ts";
import { OutputTail } from "../../src/processes/output-tail.ts";

describe("a line splitter", () => {
  it("returns whole lines, wherever the bytes are cut", () => {
    const text = "ä1\nzwei\n\ndrei";
    for (let size = 1; size < 8; size++) {
      const splitter = new LineSplitter({ separator: /\n/, longest: 100 });
      const bytes = Buffer.from(text);
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size)
        lines.push(...splitter.push(bytes.subarray(at, at + size)));
      expect([...lines, splitter.end()]).toEqual(["ä1", "zwei", "", "drei"]);
      expect(splitter.end()).toBe("");
    }
  });

  it("keeps the end of a line that has no end yet, and no more", () => {
    const splitter = new LineSplitter({ separator: /[\r\n]+/, longest: 4 });
    for (let count = 0; count < 1000; count++) splitter.push(Buffer.from("0123456789"));
    expect(splitter.push(Buffer.from("\rnext\r"))).toEqual(["6789", "next"]);
  });
});

describe("an output tail", () => {
  it("keeps the last bytes, whatever the size of the parts", () => {
    const tail = new OutputTail(5);
    expect(tail.text()).toBe("");
    for (const part of ["a", "bcd", "efghijklm", "n"]) tail.push(Buffer.from(part));
    expect(tail.text()).toBe("jklmn");
  });

  it("lets go of what it does not keep", () => {
    const tail = new OutputTail(1000);
    for (let count = 0; count < 10_000; count++) tail.push(new Uint8Array(1000));
    expect(tail.text()).toHaveLength(1000);
  });
});
