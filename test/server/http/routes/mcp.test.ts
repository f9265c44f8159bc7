import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

const list = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {} },
};
const path = "/projects/p/mcp";

describe("the endpoint of a project", () => {
  it("answers 401 with the address of its metadata, which says nothing about projects", async () => {
    const p = await testProject();
    for (const name of ["p", "none", "a b"]) {
      const at = `/projects/${encodeURIComponent(name)}/mcp`;
      const { status, headers } = await p.as()("POST", at, list);
      const metadata = `${p.url}/.well-known/oauth-protected-resource${at}`;
      expect([status, headers.get("www-authenticate")]).toEqual([
        401,
        `Bearer resource_metadata="${metadata}"`,
      ]);
      const { body } = await p.as()("GET", metadata.slice(p.url.length));
      expect(body).toEqual({
        resource: `${p.url}${at}`,
        resource_name: `mcpctl: ${name}`,
        authorization_servers: [p.url],
        scopes_supported: ["mcp"],
        bearer_methods_supported: ["header"],
      });
    }
    expect((await p.as("mcpctl_pat_wrong")("POST", path, list)).headers.get("www-authenticate")).toContain(
      "resource_metadata",
    );
    expect((await p.as()("POST", "/api/v1/projects", {})).headers.get("www-authenticate")).toBe("Bearer");
  });

  it("takes nobody for somebody else where the bearer is refused: not by another header, the url or the socket (T324)", async () => {
    const p = await testProject();
    const body = JSON.stringify(list);
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const at = async (query: string, more: Record<string, string>, unix?: string) => {
      const init = { method: "POST", body, headers: { ...headers, ...more }, ...(unix && { unix }) };
      return (await fetch(`${unix ? "http://localhost" : p.url}${path}${query}`, init)).status;
    };
    // Over the socket its user needs no bearer; one that is given and refused counts all the same.
    expect(await at("", {}, p.socketPath)).toBe(200);
    for (const authorization of ["Bearer mcpctl_pat_wrong", "Bearer", "Bearer ", "Basic eDp5", "x"]) {
      expect([authorization, await at("", { authorization }, p.socketPath)]).toEqual([authorization, 401]);
      expect([authorization, await at("", { authorization, "x-api-key": p.bearer })]).toEqual([
        authorization,
        401,
      ]);
    }
    expect(await at(`?access_token=${p.bearer}`, {})).toBe(401);
    expect(await at("", { authorization: `Bearer ${p.bearer}` })).toBe(200);
  });

  it("uses the public url in its metadata", async () => {
    const p = await testProject({ publicUrls: ["https://mcp.example.com/"] });
    const { headers } = await p.as()("GET", path);
    expect(headers.get("www-authenticate")).toContain('"https://mcp.example.com/.well-known/');
  });

  it("needs run on the project, and a token of another project does not open it (T166)", async () => {
    const p = await testProject();
    await must(p.admin("POST", "/api/v1/projects", { name: "q" }));
    const bearerOf = async (name: string, fields: object) =>
      (
        await must(
          p.admin("POST", "/api/v1/tokens", {
            name,
            roleBindings: [{ role: "run", resource: "projects" }],
            ...fields,
          }),
        )
      ).body.token;
    const ofQ = await bearerOf("of-q", { project: "q" });
    expect((await p.as(ofQ)("POST", "/projects/q/mcp", list)).status).toBe(200);
    const hidden = await p.as(ofQ)("POST", path, list);
    const missing = await p.as(ofQ)("POST", "/projects/none/mcp", list);
    expect([hidden.status, hidden.body.error]).toEqual([404, missing.body.error.replace("none", "p")]);
    const viewer = await p.token("viewer", [{ role: "view", resource: "projects" }]);
    expect((await viewer.call("POST", path, list)).status).toBe(403);
    expect((await p.user("bob")).call).toBeDefined();
  });

  it("refuses web pages of other origins, also where they only read, and names that are not the server's (T167)", async () => {
    const p = await testProject();
    const headers = await p.session();
    for (const method of ["GET", "POST", "DELETE"]) {
      const { status } = await p.as(p.bearer)(method, path, method === "POST" ? list : undefined, {
        ...headers,
        origin: "http://evil.example",
      });
      expect([method, status]).toEqual([method, 403]);
    }
    expect((await p.post(list, { headers: { host: "evil.example" } })).status).toBe(421);
    expect((await p.post(list, { headers: { origin: p.url } })).status).toBe(200);
  });

  it("never sends the caller's bearer to a server (T167)", async () => {
    const upstream = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("echo")], ttlMs: 0, cacheScope: "private" }),
      "tools/call": () => ({ resultType: "complete", ...said("ok") }),
    });
    const p = await testProject();
    await p.attach("s", upstream.url);
    await must(p.modern("tools/call", { name: "echo", _meta: { secret: p.bearer.slice(0, 4) } }));
    for (const { headers } of upstream.seen) {
      expect(headers.has("authorization")).toBe(false);
      expect(JSON.stringify([...headers])).not.toContain(p.bearer);
    }
  });

  it("refuses messages that are too large, too deep or no JSON", async () => {
    const p = await testProject();
    const headers = await p.session();
    const deep = (depth: number) =>
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(depth)}${"]".repeat(depth)},"b":"${"x".repeat(2000)}"}}`;
    expect((await p.post(deep(50), { headers })).status).toBe(200);
    expect((await p.post(deep(5000), { headers })).body.error.code).toBe(-32700);
    expect((await p.post("{", { headers })).body.error.code).toBe(-32700);
    expect((await p.post("5", { headers })).body.error.code).toBe(-32600);
    expect((await p.post({ jsonrpc: "2.0", id: {}, method: "ping" }, { headers })).status).toBe(400);
    expect((await p.post("x".repeat(5 * 1024 * 1024), { headers })).status).toBe(413);
    expect((await p.post(list, { headers: { "content-type": "text/plain" } })).status).toBe(415);
  });
});
