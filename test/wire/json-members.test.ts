import { describe, expect, it } from "vitest";
import { removeMember, setMember } from "../../src/wire/json-members.ts";

const jsonc = (text: string) =>
  (Bun as unknown as { JSONC: { parse(text: string): unknown } }).JSONC.parse(text);
const path = ["mcpServers", "demo"];
const entry = { command: "mcpctl", args: ["mcp", "-p", "demo"] };

/** Files as people have them. */
const files: Record<string, string> = {
  "two spaces": `{
  "theme": "dark",
  "mcpServers": {
    "other": {
      "command": "x"
    }
  }
}
`,
  "tabs and no line end": `{\n\t"mcpServers": {\n\t\t"other": {}\n\t}\n}`,
  "comments everywhere": `// top
{
  /* before */ "theme": "dark", // after
  "mcpServers": { // servers
    // the first
    "other": { "command": "x" } // last
    // end
  }, // done
  "list": [1, /* two */ 2, "a // b"]
}
// bottom
`,
  "trailing commas": `{
  "mcpServers": {
    "other": {},
  },
  "theme": "dark",
}
`,
  "one line": `{"theme":"dark","mcpServers":{"other":{"command":"x"}}}`,
  "no servers": `{\n    "theme": "dark"\n}\n`,
  "no servers, with a comment at the end": `{\n  "theme": "dark" // why\n}\n`,
  CRLF: `{\r\n  "mcpServers": {\r\n    "other": {}\r\n  }\r\n}\r\n`,
  "escapes and names with dots": `{\n  "a.b": "\\"}{",\n  "mcpServers": {\n    "o\\u0074her": "\\\\"\n  }\n}\n`,
};

describe("setMember", () => {
  it.each(Object.entries(files))(
    "adds a member to a file with %s, and removing it gives the same bytes",
    (_, text) => {
      const added = setMember(text, path, entry);
      const before = jsonc(text) as Record<string, object>;
      expect(jsonc(added)).toEqual({ ...before, mcpServers: { ...before["mcpServers"], demo: entry } });
      // Each line that was there still is, but for a comma.
      const bare = (line: string) => line.replaceAll(",", "").trim();
      const lines = new Set(added.split("\n").map(bare));
      if (text.includes("\n")) for (const line of text.split("\n")) expect(lines).toContain(bare(line));
      expect(removeMember(added, path)).toBe(text);
      expect(setMember(added, path, entry)).toBe(added);
    },
  );

  it("writes in the style of the file", () => {
    expect(setMember(files["tabs and no line end"]!, path, { a: 1 })).toBe(
      `{\n\t"mcpServers": {\n\t\t"other": {},\n\t\t"demo": {\n\t\t\t"a": 1\n\t\t}\n\t}\n}`,
    );
    expect(setMember(files["one line"]!, path, { a: 1 })).toBe(
      `{"theme":"dark","mcpServers":{"other":{"command":"x"}, "demo": {"a":1}}}`,
    );
    expect(setMember(files["CRLF"]!, path, { a: 1 })).not.toMatch(/[^\r]\n/);
    expect(setMember("", ["a", "b"], 1)).toBe('{\n  "a": {\n    "b": 1\n  }\n}\n');
    expect(setMember("{}\n", ["a"], 1)).toBe('{\n  "a": 1\n}\n');
  });

  it("replaces a value, the last one of the same name", () => {
    expect(setMember('{"a": 1, "a": [2] // x\n}', ["a"], 3)).toBe('{"a": 1, "a": 3 // x\n}');
  });

  it.each([
    ["{", "line 1, column 2: a string was expected"],
    ['{"a": 1 "b": 2}', "line 1, column 9: a comma or } was expected"],
    ['{\n  "a" 1}', "line 2, column 7: a colon was expected"],
    ["{} x", "line 1, column 4: the text goes on after its end"],
    ["[]", "the file is not an object"],
    ['{"mcpServers": []}', "mcpServers is not an object"],
    [`${'{"a":'.repeat(200)}`, "it is nested too deeply"],
  ])("refuses %s", (text, message) => {
    expect(() => setMember(text, path, 1)).toThrow(message);
    expect(() => removeMember(text, path)).toThrow(message);
  });
});

describe("removeMember", () => {
  it("removes a member at the beginning, in the middle and at the end, and nothing else", () => {
    const text = `{\n  "a": 1, // one\n  "b": 2,\n  // three\n  "c": 3\n}\n`;
    expect(removeMember(text, ["a"])).toBe(`{ // one\n  "b": 2,\n  // three\n  "c": 3\n}\n`);
    expect(removeMember(text, ["b"])).toBe(`{\n  "a": 1, // one\n  // three\n  "c": 3\n}\n`);
    expect(removeMember(text, ["c"])).toBe(`{\n  "a": 1, // one\n  "b": 2\n  // three\n}\n`);
    expect(removeMember(text, ["d"])).toBe(text);
    expect(removeMember(text, ["d", "e"])).toBe(text);
  });

  it("removes what it made for the member", () => {
    expect(jsonc(removeMember(setMember("", path, entry), path))).toEqual({});
  });
});
