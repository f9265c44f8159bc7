import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

/** A Python with the package `mcp` of version 2; the variable names one where it is not the one of the path. */
const python = process.env["MCPCTL_TEST_PYTHON"] ?? "python3";
const hasSdk = spawnSync(python, ["-c", "from mcp import Client; import httpx2"]).status === 0;

/** Logs in with the SDK's own provider, and prints the page to open; reads the address that the browser came back to. */
const program = `
import asyncio, json, sys
from urllib.parse import parse_qs, urlparse
import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

url = sys.argv[1]

class Memory:
    tokens = None
    client = None
    async def get_tokens(self): return self.tokens
    async def set_tokens(self, tokens): self.tokens = tokens
    async def get_client_info(self): return self.client
    async def set_client_info(self, client): self.client = client

async def open_page(page):
    print(page, flush=True)

async def came_back():
    query = parse_qs(urlparse(sys.stdin.readline().strip()).query)
    one = lambda name: query.get(name, [None])[0]
    return AuthorizationCodeResult(code=one("code"), state=one("state"), iss=one("iss"))

async def main():
    metadata = OAuthClientMetadata(client_name="Python client", redirect_uris=["http://127.0.0.1:9/callback"])
    memory = Memory()
    auth = OAuthClientProvider(url, metadata, memory, open_page, came_back)
    async with httpx2.AsyncClient(auth=auth, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            tools = await client.list_tools()
            print(json.dumps({"tools": [t.name for t in tools.tools], "refreshes": memory.tokens.refresh_token is not None}))

asyncio.run(main())
`;

describe.skipIf(!hasSdk)("the official Python client (skipped without the package mcp)", () => {
  it("finds the server, registers, is given access, and lists tools", async () => {
    const p = await testProject();
    const far = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("look")] }),
      "tools/call": () => said("seen"),
    });
    await p.attach("far", far.url);
    const alice = await p.user("alice", [{ role: "run", resource: "projects" }]);
    const child = Bun.spawn([python, "-c", program, p.endpoint], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const error = new Response(child.stderr).text();
    const lines: string[] = [];
    let rest = "";
    for await (const bytes of child.stdout) {
      const parts = (rest + new TextDecoder().decode(bytes)).split("\n");
      rest = parts.pop()!;
      for (const line of parts) {
        lines.push(line);
        if (!line.startsWith("http")) continue;
        const query = new URL(line).search;
        const { body } = await must(alice.call("POST", "/api/v1/oauth/answer", { query, allow: true }));
        child.stdin.write(`${body.redirectTo}\n`);
        child.stdin.flush();
      }
    }
    expect([await error, JSON.parse(lines.at(-1) ?? "null")]).toEqual([
      expect.anything(),
      { tools: ["look"], refreshes: true },
    ]);
    const [grant] = (await alice.call("GET", "/api/v1/grants")).body;
    expect(grant).toMatchObject({ client: "Python client", status: "active" });
  });
});
