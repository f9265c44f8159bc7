import { describe, expect, it } from "vitest";
import { homebrewFormula, nixFlake } from "../../../scripts/release/formula.ts";

const sum = (digit: string) => digit.repeat(64);
const release = {
  version: "1.2.3",
  url: "https://releases.example.org/v1.2.3/",
  sums: new Map([
    ["darwin-x64", sum("1")],
    ["darwin-arm64", sum("2")],
    ["linux-x64-baseline", sum("3")],
    ["linux-arm64", sum("4")],
  ]),
};

/** Each URL of a text with the sum that follows it. */
function pairs(text: string, pattern: RegExp): Record<string, string> {
  return Object.fromEntries([...text.matchAll(pattern)].map(([, url, hash]) => [url!, hash!]));
}

describe("the formula of Homebrew", () => {
  it("names an archive with its own sum for each processor, and no Windows", () => {
    const text = homebrewFormula(release);
    expect(pairs(text, /url "([^"]+)"\s+sha256 "([^"]+)"/g)).toEqual({
      "https://releases.example.org/v1.2.3/mcpctl-1.2.3-darwin-x64.tar.gz": sum("1"),
      "https://releases.example.org/v1.2.3/mcpctl-1.2.3-darwin-arm64.tar.gz": sum("2"),
      "https://releases.example.org/v1.2.3/mcpctl-1.2.3-linux-x64-baseline.tar.gz": sum("3"),
      "https://releases.example.org/v1.2.3/mcpctl-1.2.3-linux-arm64.tar.gz": sum("4"),
    });
    // Those of the class and of `def install` have no do.
    expect(text.match(/\bdo\b/g)!.length + 2).toBe(text.match(/^ *end$/gm)!.length);
  });

  it.skipIf(!Bun.which("ruby"))("is Ruby", () => {
    const { exitCode, stderr } = Bun.spawnSync(["ruby", "-c"], {
      stdin: new TextEncoder().encode(homebrewFormula(release)),
      stderr: "pipe",
    });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  });

  it("leaves out what was not made", () => {
    const text = homebrewFormula({ ...release, sums: new Map([["linux-arm64", sum("4")]]) });
    expect(text).not.toContain("on_macos");
    expect(text).not.toContain("on_intel");
  });
});

describe("the flake of Nix", () => {
  it("has the sums as Nix writes them", () => {
    const text = nixFlake(release);
    const found = pairs(text, /url = "([^"]+)";\s+hash = "sha256-([^"]+)";/g);
    expect(Object.keys(found)).toHaveLength(4);
    const hash = found["https://releases.example.org/v1.2.3/mcpctl-1.2.3-linux-x64-baseline.tar.gz"]!;
    expect(Buffer.from(hash, "base64").toString("hex")).toBe(sum("3"));
    for (const [open, close] of ["{}", "[]", "()"] as const)
      expect(text.split(open!).length).toBe(text.split(close!).length);
  });
});
