import { describe, expect, it } from "vitest";
import { parseAgentConfig } from "../../../src/agent/config/parse.ts";

const place = { file: "~/.mcpctl/config.json", home: "/home/alice/.mcpctl", userHome: "/home/alice" };
const parse = (...mcpServers: unknown[]) => parseAgentConfig(JSON.stringify({ mcpServers }, null, 2), place);

function read(entry: object) {
  const parsed = parse(entry);
  if ("faults" in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.config.mcpServers[0]!;
}

const faultsOf = (...entries: unknown[]) => {
  const parsed = parse(...entries);
  return "faults" in parsed ? parsed.faults.map(({ field, message }) => `${field}: ${message}`) : [];
};

describe("an entry of mcpServers", () => {
  it("is not published, sandboxed and stopped when idle by default", () => {
    expect(read({ name: "files", command: "npx", args: ["-y", "x"] })).toEqual({
      name: "files",
      publish: false,
      source: { command: ["npx"], args: ["-y", "x"] },
      env: {},
      readable: [],
      writable: [],
      network: true,
      sandbox: "auto",
      idleMinutes: 15,
      startSeconds: 60,
    });
  });

  it("takes a list as the command, and paths from the home folders", () => {
    const { source, readable, writable } = read({
      name: "own",
      command: ["~/bin/tool", "--flag"],
      readable: ["notes"],
      writable: ["~/out"],
    });
    expect(source).toEqual({ command: ["/home/alice/bin/tool", "--flag"], args: [] });
    expect([readable, writable]).toEqual([["/home/alice/.mcpctl/notes"], ["/home/alice/out"]]);
  });

  it("names no secret of the server, which would be sent as it is written (T287)", () => {
    const env = { KEY: "secret://gh/token", OTHER: "plain" };
    expect(faultsOf({ name: "a", command: "x", env })).toEqual([
      expect.stringContaining("this machine has none"),
    ]);
    for (const value of ["Bearer ${secrets.GH}", "user://token"]) {
      const headers = { Authorization: value };
      expect(faultsOf({ name: "a", url: "http://localhost/mcp", headers })).toHaveLength(1);
    }
  });

  it("takes a package, an image or a url", () => {
    expect(read({ name: "a", package: "pypi:mcp-server-git==1.2.3" }).source).toEqual({
      package: "pypi:mcp-server-git==1.2.3",
      args: [],
    });
    expect(read({ name: "a", image: "docker.io/mcp/time:1" }).source).toMatchObject({ args: [] });
    expect(read({ name: "a", url: "http://127.0.0.1:1/mcp", headers: { "X-Key": "v" } }).source).toEqual({
      url: "http://127.0.0.1:1/mcp",
      headers: { "x-key": "v" },
    });
  });

  it.each([
    [{ name: "a" }, "mcpServers[0]: exactly one of command, package, image, url must be set"],
    [{ name: "a", command: "x", url: "http://x" }, "mcpServers[0].url: exactly one of"],
    [{ name: "A b", command: "x" }, "mcpServers[0].name: must be a name"],
    [{ name: "a", command: [] }, "mcpServers[0].command: must name a program"],
    [{ name: "a", command: "x", comand: 1 }, "mcpServers[0].comand: unknown field"],
    [{ name: "a", command: "x", sandbox: "jail" }, "mcpServers[0].sandbox: must be one of auto,"],
    [{ name: "a", package: "left-pad" }, 'mcpServers[0].package: "left-pad" is not a package'],
    [{ name: "a", url: "file:///etc/passwd" }, "mcpServers[0].url: must begin with http:// or https://"],
    [{ name: "a", url: "http://169.254.169.254/" }, "mcpServers[0].url: points at a link-local"],
    [{ name: "a", url: "http://x", args: ["y"] }, "mcpServers[0].args: is not for a url"],
    [{ name: "a", command: "x", headers: { a: "b" } }, "mcpServers[0].headers: is only for a url"],
    [{ name: "a", url: "http://x", headers: { "a b": "c" } }, "mcpServers[0].headers.a b: is not the name"],
    [{ name: "a", command: "x", publish: "yes" }, "mcpServers[0].publish: "],
  ])("is refused with its place: %j", (entry, fault) => {
    expect(faultsOf(entry)).toEqual([expect.stringContaining(fault)]);
  });

  it("has a name, and a published name, of its own", () => {
    const entry = { name: "a", command: "x", publish: true };
    expect(faultsOf(entry, { ...entry, name: "b", publishName: "a" })).toEqual([
      'mcpServers[1].publishName: "a" is the published name of mcpServers[0] too',
    ]);
    expect(faultsOf(entry, entry)[0]).toMatch(/"a" is the name of mcpServers\[0\] too/);
  });
});
