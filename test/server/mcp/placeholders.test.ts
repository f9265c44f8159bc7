import { describe, expect, it } from "vitest";
import { isExample } from "../../../src/server/mcp/placeholders.ts";

describe("a value of a secret", () => {
  it.each([
    "<YOUR_TOKEN>",
    "${TOKEN}",
    "your-api-key-here",
    "YOUR_API_KEY",
    "your_oauth2_token",
    "my-token-here",
    "insert your key here",
    "changeme",
    "xxxx",
  ])("%j is taken for a placeholder", (value) => expect(isExample(value)).toBe(true));

  it.each([
    "my-secret-key",
    "my-keyboard-is-91-years-old",
    "your-token-7f3a9c51d2",
    "my_password!2026",
    "put-tokens-in-the-jar",
    "replace_here_4711",
  ])("%j is taken for a real one", (value) => expect(isExample(value)).toBe(false));
});
