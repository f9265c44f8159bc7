import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curlCommand } from "../../../../src/cli/cmd/console/curl.ts";

const endpoint = { url: "http://127.0.0.1:7777", token: "mcpctl_pat_secret" };
const request = (params: object, method = "tools/call") =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });

/** The words that a shell makes of a command. */
async function wordsOf(command: string): Promise<string[]> {
  const script = command.replace(/^curl/, "printf '%s\\0'");
  const shell = Bun.spawn(["sh", "-c", script], { env: { MCPCTL_TOKEN: "T" } });
  return (await new Response(shell.stdout).text()).split("\0").slice(0, -1);
}

describe("a request as a curl command (T223)", () => {
  it("is the same request for a shell, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        const params = {
          name: "echo",
          arguments: { text: text.toWellFormed(), shell: "$(id) `id` 'x' \\ !! \"" },
        };
        const words = await wordsOf(curlCommand(request(params), endpoint, "/projects/p/mcp")!);
        expect(words).toContain("authorization: Bearer T");
        expect(JSON.parse(words.at(-1)!).params).toMatchObject(params);
      }),
      { numRuns: 30 },
    );
  });

  it("never has a token in it", () => {
    const bearer = "mcpctl_ses_0123456789abcdefghjkmnpqrstvwxyz0123456";
    const params = { name: "echo", arguments: { a: endpoint.token, b: bearer } };
    const command = curlCommand(request(params), endpoint, "/projects/p/mcp")!;
    expect(command).not.toContain(endpoint.token);
    expect(command).not.toContain(bearer);
    expect(command).toContain("$MCPCTL_TOKEN");
  });

  it("goes over a Unix socket without a token, and is not made of what cannot stand alone", () => {
    const socket = { url: "unix:///run/it's/s.sock" };
    const command = curlCommand(request({}, "tools/list"), socket, "/projects/p/mcp")!;
    expect(command).toContain("--unix-socket '/run/it'\\''s/s.sock'");
    expect(command).toContain("'http://localhost/projects/p/mcp'");
    expect(command).not.toContain("authorization");
    for (const body of [
      request({}, "initialize"),
      '{"jsonrpc":"2.0","id":1,"result":{}}',
      "{",
      '{"jsonrpc":"2.0","method":"x"}',
    ])
      expect(curlCommand(body, endpoint, "/x")).toBeUndefined();
  });
});
