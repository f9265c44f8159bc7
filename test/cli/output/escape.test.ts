import { describe, expect, it } from "vitest";
import { escapeBlock, escapeLine } from "../../../src/cli/output/escape.ts";

describe("escapes (T42)", () => {
  it("make characters visible that move the cursor, change colours, fake a line or reverse the text", () => {
    expect(escapeLine("a\u001b[31mb\r\nc\td\u0000\u009b\u2028\u202e")).toBe(
      "a\\e[31mb\\r\\nc\\td\\u0000\\u009b\\u2028\\u202e",
    );
    expect(escapeBlock("a\r\nb\tc\u001b\rd\u202e")).toBe("a\nb\tc\\e\\rd\\u202e");
    expect(escapeLine("Grüße 模型 👩‍👩‍👧")).toBe("Grüße 模型 👩‍👩‍👧");
  });
});
