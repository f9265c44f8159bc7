import { describe, expect, it } from "vitest";
import { age, cell } from "../../../src/cli/output/cells.ts";
import { escapeBlock, escapeLine } from "../../../src/cli/output/escape.ts";
import { mask } from "../../../src/cli/output/mask.ts";
import { table } from "../../../src/cli/output/table.ts";

const now = Date.parse("2026-11-21T12:00:00Z");

describe("a cell", () => {
  it.each([
    [{ path: "a.b" }, { a: { b: 1 } }, "1"],
    [{ path: "a.b" }, { a: null }, "-"],
    [{ path: "a" }, { a: "" }, "-"],
    [{ path: "a" }, { a: false }, "false"],
    [{ path: "a" }, { a: [] }, "-"],
    [{ path: "a" }, { a: ["x", "y"] }, "x,y"],
    [{ path: "a" }, { a: {} }, "-"],
    [{ path: "constructor.name" }, {}, "-"],
    [{ template: "s://{a.b}/{c}" }, { a: { b: "x" }, c: "y" }, "s://x/y"],
    [{ template: "s://{a.b}/{c}" }, { a: { b: "x" } }, "-"],
    [{ template: "{a}" }, { a: "$& {b}" }, "$& {b}"],
    [{ path: "a", each: "{k}:{n}" }, { a: [{ k: "U", n: "x" }, { k: "G" }] }, "U:x,G"],
    [{ path: "a", each: "{k}" }, { a: [] }, "-"],
    [{ path: "a", format: "age" as const }, { a: null }, "-"],
    [{ path: "a", format: "age" as const }, { a: "never" }, "never"],
  ])("%j of %j is %s", (column, object, text) => {
    expect(cell({ header: "H", ...column }, object, now)).toBe(text);
  });

  it.each([
    ["2026-11-21T12:00:00Z", "0s ago"],
    ["2026-11-21T11:58:01Z", "119s ago"],
    ["2026-11-21T11:58:00Z", "2m ago"],
    ["2026-11-21T09:59:00Z", "2h ago"],
    ["2026-11-18T12:00:00Z", "3d ago"],
    ["2026-11-21T12:05:00Z", "in 5m"],
  ])("%s is %s", (time, text) => {
    expect(age(time, now)).toBe(text);
  });
});

describe("a table", () => {
  it("counts what a terminal shows, not characters", () => {
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

  it("cuts the widest cells first, and what is left still fits when it is tiny", () => {
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

describe("escapes (T42)", () => {
  it("shows what would move the cursor, recolour, fake a line or turn the writing round", () => {
    expect(escapeLine("a\u001b[31mb\r\nc\td\u0000\u009b\u2028\u202e")).toBe(
      "a\\e[31mb\\r\\nc\\td\\u0000\\u009b\\u2028\\u202e",
    );
    expect(escapeBlock("a\r\nb\tc\u001b\rd\u202e")).toBe("a\nb\tc\\e\\rd\\u202e");
    expect(escapeLine("Grüße 模型 👩‍👩‍👧")).toBe("Grüße 模型 👩‍👩‍👧");
  });
});

describe("masking", () => {
  it.each([
    [
      {
        apiKey: "x",
        "X-Api-Key": "x",
        db_password: "x",
        Authorization: "x",
        clientSecret: "x",
        token: 7,
        cookie: "x",
      },
    ],
    [
      [
        "sk-ant-0123456789abcdef0123",
        "ghp_abcdefghijklmnopqrstuvwx",
        "Bearer abcdefghijkl",
        "https://u:p@h/x",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.x",
        "mcpctl_pat_0123456789abcdefgh",
      ],
    ],
  ])("hides all of %j", (value) => {
    expect(new Set(Object.values(mask(value) as object))).toEqual(new Set(["********"]));
  });

  it("leaves the rest", () => {
    const value = {
      maxTokens: 5,
      keys: ["api-key"],
      tokens: 3,
      key: "api-key",
      url: "https://h:1/x",
      prefix: "mcpctl_pat_abc",
      apiKey: "",
      keyboard: "x",
      ok: true,
      n: null,
    };
    expect(mask(value)).toEqual(value);
  });
});
