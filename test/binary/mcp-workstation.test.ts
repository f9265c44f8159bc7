import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, it, onTestFinished } from "vitest";
import { freePort, mcpctl, must } from "../support/binary.ts";
import { passes } from "../support/passes.ts";
import { isAlive } from "../support/processes/processes.ts";
import { startTestMachines } from "../support/test-machines.ts";

const program = join(import.meta.dirname, "../support/mcp-stdio-server.ts");
const textIn = ({ content }: { content?: unknown }) => (content as { text: string }[])[0]!.text;

it("mcpctl agent publishes an MCP server under the desk, which any client calls by one URL, and leaves nothing behind when it is killed (failure mode 157)", async () => {
  const { server, workstation } = await startTestMachines();
  const { run } = server;
  const made = async (line: string) => (await must(run(line))).trim().split("\n").at(-1)!;
  const desk = await made(
    "create token desk --bind role:expose,resource:llms --bind role:expose,resource:servers",
  );
  const { home, start } = workstation({
    mcpServers: [
      { name: "files", command: process.execPath, args: [program], sandbox: "none", publish: true },
      { name: "unpublished", command: "false" },
    ],
  });
  const door = `127.0.0.1:${await freePort()}`;
  const options = { args: ["--listen", door], env: { MCPCTL_TOKEN: desk }, waitFor: [] };
  const agent = await start(options);
  const status = async () => (await server.admin("GET", "/api/v1/servers/files")).body?.status;
  await passes(async () => expect(await status()).toBe("ready"));
  expect((await server.admin("GET", "/api/v1/servers")).body).toHaveLength(1);
  await must(run("create project demo --server files"));
  const token = await made("create token narrow --bind role:run,resource:projects,name:demo");

  const connect = async (origin: string) => {
    const client = new Client({ name: "test", version: "1" });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    const url = new URL(`${origin}/projects/demo/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
    onTestFinished(() => client.close());
    return client;
  };
  // The agent has a door to the project for the clients of its machine.
  const nearby = await connect(`http://${door}`);
  expect(textIn(await nearby.callTool({ name: "echo", arguments: { text: "round" } }))).toBe("round");
  const client = await connect(server.url);
  const call = async (name: string, values: object = {}) =>
    textIn(await client.callTool({ name, arguments: { ...values } }));
  expect(await call("echo", { text: "hi" })).toBe("hi");
  const shown = await must(server.run("provider", { home }));
  expect(shown).toMatch(/files +mcp +- +active +files +\d+ tools/);
  expect(shown).toMatch(/unpublished +mcp +- +hibernating +-/);

  const pid = Number(await call("pid"));
  const begun = Promise.withResolvers<void>();
  const slow = client.callTool(
    { name: "slow", arguments: { milliseconds: 60_000 } },
    { onprogress: () => begun.resolve() },
  );
  slow.catch(() => {});
  await begun.promise;
  agent.kill("SIGKILL");
  await expect(slow).rejects.toThrow(/went away during the call/);
  await passes(async () => expect(await status()).toBe("offline"));
  await expect(call("echo", { text: "hi" })).rejects.toThrow(/not (connected|offered)|unknown tool/i);

  await start(options);
  await passes(async () => expect(await status()).toBe("ready"));
  expect(isAlive(pid)).toBe(false);
  await passes(async () => expect(await call("echo", { text: "again" })).toBe("again"));
});

it("MCP servers of Claude Desktop and VS Code are found, published, and run in a sandbox, for their owner alone until they are shared", async () => {
  const { server, workstation, proxy } = await startTestMachines();
  const { home, start } = workstation({});
  const written = (file: string, text: object) => {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), JSON.stringify(text));
  };
  written(".config/Claude/claude_desktop_config.json", {
    mcpServers: { "My Tools": { command: process.execPath, args: [program] } },
  });
  written(".config/Code/User/mcp.json", {
    servers: { code: { type: "stdio", command: process.execPath, args: [program] }, other: { command: "x" } },
  });
  const bearerOf = async (name: string) => {
    const password = `${name}-password`;
    const user = { name, password };
    const roleBindings = ["view", "expose"].flatMap((role) =>
      ["servers", "llms"].map((resource) => ({ role, resource })),
    );
    await server.admin("POST", "/api/v1/users", user);
    await server.admin("POST", "/api/v1/rbac", { name, subjects: [{ kind: "User", name }], roleBindings });
    return (await server.call("POST", "/api/v1/auth/login", { body: { user: name, password } })).body.token;
  };
  const [owner, other] = [await bearerOf("owner"), await bearerOf("other")];
  const run = (line: string) => must(mcpctl(line, { home, env: { MCPCTL_SERVER: proxy.url } }));
  expect(await run("agent discover")).toMatch(/my-tools[\s\S]+code/);
  await run("agent publish my-tools");
  await start({ env: { MCPCTL_TOKEN: owner }, waitFor: [] });
  const seenBy = async (bearer: string) => (await server.call("GET", "/api/v1/servers", { bearer })).body;
  await passes(async () => expect(await seenBy(owner)).toMatchObject([{ status: "ready" }]));
  expect(await seenBy(owner)).toMatchObject([{ name: "my-tools", visibility: "private", toolCount: 4 }]);
  expect(await seenBy(other)).toEqual([]);
  await must(server.run("create project demo --server my-tools --proxy-model none"));
  const called = await must(server.run('test mcp -p demo --tool echo --args {"text":"hi"}'));
  expect(called).toContain("hi");
  await must(server.run("patch server my-tools visibility=public"));
  expect(await seenBy(other)).toMatchObject([{ name: "my-tools" }]);
});
