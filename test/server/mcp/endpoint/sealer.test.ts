import { describe, expect, it } from "vitest";
import { Sealer } from "../../../../src/server/mcp/endpoint/sealer.ts";

describe("a sealed value", () => {
  it("is opened for its owner until its time is over (T164)", () => {
    let now = 1_000_000;
    const sealer = new Sealer(() => now);
    const sealed = sealer.seal({ key: "value" }, "alice", 600_000);
    expect(sealed).not.toContain("value");
    now += 599_999;
    expect(sealer.open(sealed, "alice")).toEqual({ key: "value" });
    expect(sealer.open(sealed, "bob")).toBeUndefined();
    now += 1;
    expect(sealer.open(sealed, "alice")).toBeUndefined();
  });

  it("is opened by the process that sealed it alone, and in one spelling (T164)", () => {
    const sealer = new Sealer(() => 0);
    const sealed = sealer.seal({ key: "value" }, "alice", 600_000);
    expect(new Sealer(() => 0).open(sealed, "alice")).toBeUndefined();
    for (const other of [`${sealed}=`, `${sealed}A`, sealed.slice(1), "", "A", 7, undefined, null])
      expect(sealer.open(other, "alice")).toBeUndefined();
  });
});
