import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";

/** A Python with the package `mcp` of version 2; the variable names one where it is not the one of the path. */
const python = process.env["MCPCTL_TEST_PYTHON"] ?? "python3";
const hasSdk = spawnSync(python, ["-c", "from mcp import Client; import httpx2"]).status === 0;

const program = `
import asyncio, json, sys
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
import mcp_types as types

url, bearer, mode = sys.argv[1:]

async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"name": "Ada"})

async def main():
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer " + bearer}, timeout=20) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=elicit) as client:
            tools = await client.list_tools()
            result = await client.call_tool("greet", {})
            print(json.dumps({"tools": [t.name for t in tools.tools], "text": result.content[0].text}))

asyncio.run(main())
`;

describe.skipIf(!hasSdk)("the official Python client (skipped without the package mcp)", () => {
  it.each(["legacy", "2026-07-28", "auto"])("lists, calls and answers questions, mode %s", async (mode) => {
    const upstream = scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("greet")] }),
      "tools/call": async ({ ask }) => {
        const { content } = await ask("elicitation/create", {
          mode: "form",
          message: "Your name?",
          requestedSchema: { type: "object", properties: { name: { type: "string" } } },
        });
        return said(`hello ${content.name}`);
      },
    });
    const p = await testProject();
    await p.attach("s", upstream.url);
    const child = Bun.spawn([python, "-c", program, p.endpoint, p.bearer, mode], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, error] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect([error, JSON.parse(out || "null")]).toEqual([
      expect.anything(),
      { tools: ["greet"], text: "hello Ada" },
    ]);
  });
});
