import { describe, expect, it } from "vitest";
import { table } from "../../../src/cli/output/table.ts";

describe("a table", () => {
  it("is as wide as the terminal shows its characters", () => {
    const text = table(
      ["A", "B"],
      [
        ["模型", "x"],
        ["e\u0301", "y"],
        ["👩‍👩‍👧", "z"],
      ],
      { columns: undefined, color: false, headers: true },
    );
    expect(text).toBe("A      B\n模型   x\ne\u0301      y\n👩‍👩‍👧     z\n");
  });

  it("cuts the widest cells first, down to a least width", () => {
    const row = ["a-very-long-name", "w".repeat(40), "short"];
    const options = { color: false, headers: false };
    expect(table(["N", "W", "S"], [row], { ...options, columns: 50 })).toBe(
      `a-very-long-name   ${"w".repeat(22)}…   short\n`,
    );
    expect(table(["N", "W", "S"], [row], { ...options, columns: 10 })).toContain(
      "a-very-long-name   wwwww…   short",
    );
  });
});
