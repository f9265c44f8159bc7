import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { storeWithServers, toolNamed } from "../../support/mcp-rows.ts";
import { must, testServer } from "../../support/server.ts";

/** A project with two servers that have a tool of the same name; one tool has changed, one is denied. */
async function withTools() {
  const files = [
    [toolNamed("read"), toolNamed("write"), toolNamed("search", "Find files.")],
    [toolNamed("read"), toolNamed("write"), toolNamed("search", "Find secrets.")],
  ];
  const server = await testServer(
    await storeWithServers({ files, web: [[toolNamed("read"), toolNamed("open")]], quiet: [[]] }),
  );
  await must(server.admin("POST", "/api/v1/projects", { name: "site", servers: ["files", "web", "quiet"] }));
  const tools = { deny: ["wr*"] };
  await must(server.admin("PUT", "/api/v1/serverattachments/files?project=site", { tools }));
  const cli = (line: string) => run(line, { server: { url: `unix://${server.socketPath}` } });
  return { server, cli };
}

describe("get tools", () => {
  it("lists every tool with its server and its size, and the reason if it is not offered", async () => {
    const { cli } = await withTools();
    const { code, stdout, stderr } = await cli("get tools -p site");
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "))).toEqual([
      "NAME | SERVER | TOKENS | OFFERED | REASON",
      expect.stringMatching(/^read \| files \| \d+ \| yes \| -$/),
      expect.stringMatching(/^search \| files \| \d+ \| no \| changed; see mcpctl approve server$/),
      expect.stringMatching(
        /^write \| files \| \d+ \| no \| denied by tools of the server or of its attachment$/,
      ),
      expect.stringMatching(/^open \| web \| \d+ \| yes \| -$/),
      expect.stringMatching(
        /^web_read \| web \| \d+ \| yes \| offered under another name: its own was taken$/,
      ),
      "",
    ]);
    expect(stderr).toMatch(
      /^3 of 5 tools are offered, about \d+ tokens\nserver 'quiet' has listed no tools: it is ready, and has none\n$/,
    );
  });

  it("tells a name that clients refuse from one that was taken", async () => {
    const server = await testServer(await storeWithServers({ web: [[toolNamed("a/b"), toolNamed("open")]] }));
    await must(server.admin("POST", "/api/v1/projects", { name: "site", servers: ["web"] }));
    const { stdout } = await run("get tools -p site", { server: { url: `unix://${server.socketPath}` } });
    expect(stdout).toMatch(/^a_b_\w+ .* offered under another name: clients refuse its own$/m);
    expect(stdout).toMatch(/^open .* yes +-$/m);
  });

  it("shows single tools, and prints data", async () => {
    const { cli } = await withTools();
    expect((await cli("get tools -p site -o name")).stdout).toBe("read\nsearch\nwrite\nopen\nweb_read\n");
    expect(JSON.parse((await cli("get tools web_read -p site -o json")).stdout)).toEqual([
      {
        name: "web_read",
        server: "web",
        original: "read",
        tokens: expect.any(Number),
        offered: true,
        reason: "collision",
      },
    ]);
    expect((await cli("get tools open -p site -o jsonpath={[*].server}")).stdout).toBe("web");
    expect((await cli("get tools -p site -o wide --no-headers")).stdout).toMatch(
      /web_read .* read +offered under/,
    );
  });

  it("says what is missing", async () => {
    const { cli, server } = await withTools();
    expect(await cli("get tools")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("-p PROJECT is missing"),
    });
    expect(await cli("get tools -p sitte")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('did you mean "site"?'),
    });
    expect(await cli("get tools none -p site")).toMatchObject({ code: 3, stdout: "" });
    await must(server.admin("POST", "/api/v1/projects", { name: "empty" }));
    expect(await cli("get tools -p empty")).toMatchObject({ code: 0, stdout: "" });
    expect(JSON.parse((await cli("get tools -p empty -o json")).stdout)).toEqual([]);
  });

  it("leaves out the tools of a hidden server, or its name where the reader may call it (T138)", async () => {
    const { server } = await withTools();
    await must(server.admin("PUT", "/api/v1/servers/web", { visibility: "private" }));
    const names = async (user: string, grants: object[]) => {
      const { call } = await server.user(user, grants);
      const { body } = await must(call("GET", "/api/v1/projects/site/tools"));
      return body.map(({ name, server: of }: { name: string; server: string | null }) => `${of}/${name}`);
    };
    const view = { role: "view", resource: "projects" };
    expect(await names("alice", [view])).toEqual(["files/read", "files/search", "files/write"]);
    expect(await names("bob", [view, { role: "run", resource: "projects" }])).toEqual([
      "files/read",
      "files/search",
      "files/write",
      "null/open",
      "null/web_read",
    ]);
    const { call } = await server.user("carol", [{ role: "run", resource: "projects" }]);
    expect((await call("GET", "/api/v1/projects/site/tools")).status).toBe(403);
  });
});
