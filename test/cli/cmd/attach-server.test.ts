import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { must, testServer } from "../../support/server.ts";

/** A server with the MCP servers a and b and the project web, and the command line of its administrator. */
async function withServers() {
  const server = await testServer();
  for (const name of ["a", "b"])
    await must(server.admin("POST", "/api/v1/servers", { name, url: "https://mcp.example.com" }));
  await must(server.admin("POST", "/api/v1/projects", { name: "web" }));
  const cli = (line: string) => run(line, { server: { url: `unix://${server.socketPath}` } });
  return { cli, server };
}

describe("attach-server and detach-server", () => {
  it("attach, change and detach", async () => {
    const { cli } = await withServers();
    expect(await cli("attach-server a -p web")).toMatchObject({
      code: 0,
      stdout: "server 'a' attached to project 'web'\n",
    });
    expect((await cli("attach-server a -p web")).stdout).toBe(
      "server 'a' is attached to project 'web' already\n",
    );
    expect((await cli("attach-server a -p web --prefix x --allow get_* --deny get_all")).stdout).toBe(
      "server 'a' is attached to project 'web', and was changed\n",
    );
    const { stdout } = await cli("get sa a -p web -o json");
    expect(JSON.parse(stdout)).toMatchObject({ prefix: "x", tools: { allow: ["get_*"], deny: ["get_all"] } });
    expect((await cli("get sa -p web")).stdout).toMatch(
      /^NAME +PROJECT +PREFIX +ALLOW +DENY +POSITION +AGE\na +web +x +get_\* +get_all +1 /,
    );
    expect((await cli("get sa -p other --no-headers")).stdout).toBe("");
    expect(await cli("detach-server a -p web")).toMatchObject({
      code: 0,
      stdout: "server 'a' detached from project 'web'\n",
    });
    expect(await cli("detach-server a -p web")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('server "a" is not attached to project "web"'),
    });
  });

  it("print the attachment as data", async () => {
    const { cli } = await withServers();
    expect(JSON.parse((await cli("attach-server b -p web -o json")).stdout)).toMatchObject({ server: "b" });
    expect((await cli("attach-server b -p web -o name")).stdout).toBe("serverattachment/b\n");
    expect((await cli("detach-server b -p web -o name")).stdout).toBe("serverattachment/b\n");
  });

  it("refuse a missing project and what is not there", async () => {
    const { cli, server } = await withServers();
    await must(server.admin("POST", "/api/v1/servers", { name: "files", url: "https://mcp.example.com" }));
    await cli("attach-server files -p web");
    for (const [line, code, message] of [
      ["attach-server a", 2, "-p PROJECT is missing"],
      ["detach-server a", 2, "-p PROJECT is missing"],
      ["attach-server A! -p web", 2, "cannot be the name of an MCP server"],
      ["attach-server a -p none", 3, 'project "none" not found'],
      ["attach-server a -p wep", 3, 'did you mean "web"?'],
      [
        "attach-server none -p web",
        3,
        'server "none" not found\nhint: Run: mcpctl get servers\nrequest: req_',
      ],
      ["detach-server a -p wep", 3, 'did you mean "web"?'],
      [
        "detach-server fles -p web",
        3,
        'did you mean "files"? to see what is: mcpctl get serverattachments -p web',
      ],
      ["detach-server b -p web", 3, 'server "b" is not attached to project "web"'],
      ["attach-server a -p web --prefix -x", 1, "--prefix: must have letters"],
    ] as const) {
      const { code: got, stderr, stdout } = await cli(line);
      expect([line, stdout], stderr).toEqual([line, ""]);
      expect(stderr, line).toContain(message);
      expect(got, `${line}: ${stderr}`).toBe(code);
    }
  });

  it("export and apply change nothing, and bring everything to another server", async () => {
    const { cli, server } = await withServers();
    for (const line of ["b -p web --deny x", "a -p web"]) await cli(`attach-server ${line}`);
    const exported = (await cli("get all -o yaml")).stdout;
    expect(exported).toContain("kind: serverattachment");
    const apply = (url: string) => run("apply -f -", { server: { url }, stdin: exported });
    const again = await apply(`unix://${server.socketPath}`);
    expect([again.code, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).not.toMatch(/ (created|configured|failed)$/m);

    const other = await testServer();
    const moved = await apply(`unix://${other.socketPath}`);
    expect([moved.code, moved.stderr]).toEqual([0, ""]);
    const { body } = await other.admin("GET", "/api/v1/projects/web");
    expect(body.servers).toEqual(["b", "a"]);
    expect((await other.admin("GET", "/api/v1/serverattachments/b?project=web")).body.tools).toEqual({
      deny: ["x"],
    });
    expect((await apply(`unix://${other.socketPath}`)).stdout).not.toMatch(/ (created|configured|failed)$/m);
  });
});
