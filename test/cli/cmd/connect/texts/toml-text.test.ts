import { describe, expect, it } from "vitest";
import { parseToml, removeTable, setPairs } from "../../../../../src/cli/cmd/connect/texts/toml-text.ts";

const table = ["mcp_servers", "demo"];
const pairs = { command: "mcpctl", args: ["mcp", "-p", "demo"], startup_timeout_sec: 30 };

const files: Record<string, string> = {
  "nothing in it": "",
  "other tables and comments": `# mine
model = "gpt" # why

[mcp_servers.other]
command = "x"
args = [
  "[mcp_servers.demo]", # not a table
  'b"]',
]

# the last one
[profiles."a.b"]
x = 1
`,
  "strings of several lines": `notes = """
[mcp_servers.demo]
command = "no"
"""
more = '''
[x]
'''
[[list]]
date = 2026-01-01T00:00:00Z
[[list]]
inline = { a = [1, 2], b = "}" }
`,
  CRLF: `model = "gpt"\r\n[a]\r\nb = 1\r\n`,
  "a table of a similar name": `[mcp_servers.demo2]\nurl = "u"\n\n[mcp_servers.demo2.env]\nA = "1"\n`,
};

describe("setPairs", () => {
  it.each(Object.entries(files))(
    "adds a table to a file with %s, and removing it gives the same bytes",
    (_, text) => {
      const added = setPairs(text, table, pairs);
      const before = parseToml(text) as { mcp_servers?: object };
      expect(parseToml(added)).toEqual({ ...before, mcp_servers: { ...before.mcp_servers, demo: pairs } });
      expect(added.startsWith(text)).toBe(true);
      expect(removeTable(added, table)).toBe(text);
      expect(parseToml(setPairs(added, table, pairs))).toEqual(parseToml(added));
    },
  );

  it("changes its own pairs of a table and leaves the others, wherever the table is", () => {
    const text = `a = 1

[ mcp_servers . "demo" ] # ours
args = [
  "old",
]
enabled = false # mine
url = "gone"

[mcp_servers.demo.env]
KEEP = "1"

[z]
b = 2
`;
    const changed = setPairs(text, table, { args: ["new"], url: undefined });
    expect(changed).toBe(`a = 1

[ mcp_servers . "demo" ] # ours
args = ["new"]
enabled = false # mine

[mcp_servers.demo.env]
KEEP = "1"

[z]
b = 2
`);
    expect(removeTable(changed, table)).toBe("a = 1\n\n[z]\nb = 2\n");
  });

  it("quotes what TOML would read otherwise", () => {
    const text = setPairs("", ["mcp_servers", "a.b"], { command: 'C:\\x "y"\n[z]' });
    expect(parseToml(text)).toEqual({ mcp_servers: { "a.b": { command: 'C:\\x "y"\n[z]' } } });
  });
});

it("names the fault of what is no TOML", () => {
  expect(() => parseToml("a = \n[b")).toThrow("is not TOML: ");
});
