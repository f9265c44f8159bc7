import { describe, expect, it } from "vitest";
import { mask } from "../../../src/cli/output/mask.ts";

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
  ])("hides the whole value of %j", (value) => {
    expect(new Set(Object.values(mask(value) as object))).toEqual(new Set(["********"]));
  });

  it("keeps other values", () => {
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
