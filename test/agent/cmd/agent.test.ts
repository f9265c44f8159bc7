import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../../support/agent/fake-clock.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { closedPort } from "../../support/unreachable.ts";
import { chatAnswer, goodProvider, upstream } from "../../support/upstream.ts";
import { fakeVllm } from "../../support/vllm/fake-vllm.ts";

const main = join(import.meta.dirname, "../../../src/main.ts");

/** Starts `mcpctl agent` as a process. */
function start(home: string, server: string, bearer: string, ...flags: string[]) {
  return startWith([], home, server, bearer, ...flags);
}

/** Starts it behind other words, for example `nohup`. */
function startWith(before: string[], home: string, server: string, bearer: string, ...flags: string[]) {
  const child = Bun.spawn([...before, process.execPath, main, "agent", "--server", server, ...flags], {
    env: { PATH: process.env["PATH"], HOME: home, MCPCTL_HOME: home, MCPCTL_TOKEN: bearer, NO_COLOR: "1" },
    cwd: home,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  let said = "";
  const reading = (async () => {
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) said += part;
  })();
  return {
    child,
    get said() {
      return said;
    },
    says: (part: string) => eventually(() => said.includes(part), `it says "${part}"`),
    async exit() {
      const code = await child.exited;
      await reading;
      return { code, said };
    },
  };
}

/** Starts a server with a user who may publish, and makes a home whose config publishes a model. */
async function surroundings() {
  const server = await testServer();
  const alice = await server.user("alice", [{ role: "expose", resource: "llms" }]);
  const provider = upstream(goodProvider);
  return { server, alice, provider, home: homeWith(provider.url) };
}

function homeWith(url: string): string {
  const home = join(temporaryFolder(), "h");
  mkdirSync(home, { mode: 0o700 });
  const providers = [{ name: "local", type: "openai", model: "up", url, publish: true }];
  writeFileSync(join(home, "config.json"), JSON.stringify({ llm: { providers } }), { mode: 0o600 });
  return home;
}

/** Calls the published model as a user. Returns the status. */
async function statusOfCall(user: Awaited<ReturnType<typeof surroundings>>["alice"]): Promise<number> {
  const call = { model: "local", messages: [{ role: "user", content: "hi" }] };
  return (await user.call("POST", "/v1/chat/completions", call)).status;
}

describe("mcpctl agent", () => {
  it("fails with a hint when it has no bearer, and when the server is a Unix socket", async () => {
    const none = await cli("agent --server http://127.0.0.1:7777");
    expect(none.code).toBe(4);
    expect(none.stderr).toContain("mcpctl login --server http://127.0.0.1:7777");
    expect(none.stderr).toContain("mcpctl create token my-agent --bind role:expose,resource:llms");
    const socket = await cli("agent --server unix:///run/mcpctl.sock");
    expect(socket.code).toBe(2);
    expect(socket.stderr).toContain("cannot attach to a Unix socket");
    expect((await cli("agent --listen 7778")).code).toBe(2);
  });

  it("has sub-verbs in its help and completion", async () => {
    expect((await cli("agent --help")).stdout).toMatch(
      /discover .*\n.*publish .*\n.*unpublish .*\n.*install .*\n.*uninstall /,
    );
    const { stdout } = await cli(["__complete", "--", "agent", ""]);
    for (const verb of ["discover", "install", "uninstall"]) expect(stdout).toContain(verb);
    expect((await cli(["__complete", "--", "agent", "--li"])).stdout).toContain("--listen");
    expect((await cli(["__complete", "--", "agent", "--listen", "none", "--log"])).stdout).toContain(
      "--log-format",
    );
  });

  it("publishes without a local endpoint when the default address is taken, and fails when --listen names a taken one", async () => {
    const { server, alice, home } = await surroundings();
    let taken: { stop(): void } = { stop() {} };
    try {
      taken = Bun.listen({ hostname: "127.0.0.1", port: 7778, socket: { data() {} } });
    } catch {
      // Another program may already have the address.
    }
    onTestFinished(() => taken.stop());
    const told = await start(home, server.url, alice.bearer, "--listen", "127.0.0.1:7778").exit();
    expect(told.code).toBe(1);
    expect(told.said).toContain("cannot listen on 127.0.0.1:7778");
    const agent = start(home, server.url, alice.bearer);
    await agent.says("cannot listen on 127.0.0.1:7778: local tools cannot call this agent");
    await agent.says("connected to");
    expect(agent.said).not.toContain("can call http");
  });

  it("publishes the models of its config, serves local tools, and stops after its calls", async () => {
    const { server, alice, home } = await surroundings();
    const agent = start(home, server.url, alice.bearer, "--listen", "127.0.0.1:0");
    await agent.says("connected to");
    expect(await statusOfCall(alice)).toBe(200);
    const url = /http:\/\/127\.0\.0\.1:\d+\/v1/.exec(agent.said)![0];
    const models = await fetch(`${url}/models`, { headers: { authorization: `Bearer ${alice.bearer}` } });
    expect(models.status).toBe(200);
    expect(JSON.stringify(await models.json())).toContain('"local"');
    expect(existsSync(join(home, "agent.sock"))).toBe(true);
    agent.child.kill("SIGTERM");
    const { code, said } = await agent.exit();
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(said).not.toContain(alice.bearer);
    expect(await new Response(agent.child.stdout).text()).toBe("");
    expect(existsSync(join(home, "agent.sock"))).toBe(false);
    let status = "active";
    while (status !== "inactive") ({ status } = (await alice.call("GET", "/api/v1/llms/local")).body);
  });

  it("ends its vLLM, and finishes calls, when its terminal is closed (failure mode 92)", async () => {
    const { server, alice, home } = await surroundings();
    const vllm = fakeVllm();
    const managed = {
      name: "big",
      type: "vllm-managed",
      model: "org/model",
      command: vllm.command,
      warmup: true,
    };
    writeFileSync(
      join(home, "config.json"),
      JSON.stringify({ llm: { providers: [{ ...managed, publish: true }] } }),
    );
    const agent = start(home, server.url, alice.bearer, "--listen", "none");
    await eventually(() => vllm.events().includes("engine"));
    agent.child.kill("SIGHUP");
    // A terminal can send it twice.
    agent.child.kill("SIGHUP");
    expect((await agent.exit()).code).toBe(0);
    expect(vllm.left()).toEqual([]);
  });

  it("goes on after SIGHUP under nohup", async () => {
    const { server, alice, home } = await surroundings();
    const agent = startWith(["nohup"], home, server.url, alice.bearer, "--listen", "none");
    await agent.says("connected to");
    agent.child.kill("SIGHUP");
    expect(await statusOfCall(alice)).toBe(200);
    expect(agent.said).not.toContain("finishing running calls");
    agent.child.kill("SIGTERM");
    expect((await agent.exit()).code).toBe(0);
  });

  it("ends although a process that its wake command left behind goes on, and does not break that (failure mode 92)", async () => {
    const { server, alice } = await surroundings();
    const port = closedPort();
    const url = `http://127.0.0.1:${port}`;
    const home = homeWith(url);
    const script = "sh -c 'echo $$ > child; while sleep 0.01; do echo alive; done' & echo waking";
    const wake = { type: "command", command: "/bin/sh", args: ["-c", script] };
    const local = { name: "local", type: "openai", model: "up", url, publish: true, wake };
    writeFileSync(join(home, "config.json"), JSON.stringify({ llm: { providers: [local] } }));
    const agent = start(home, server.url, alice.bearer, "--listen", "none");
    await agent.says("connected to");
    const status = statusOfCall(alice);
    await agent.says("local: waking");
    const provider = Bun.serve({
      port,
      hostname: "127.0.0.1",
      fetch: ({ method }) =>
        Response.json(method === "GET" ? { object: "list", data: [{ id: "up" }] } : chatAnswer("")),
    });
    onTestFinished(() => provider.stop(true));
    expect(await status).toBe(200);
    agent.child.kill("SIGTERM");
    expect((await agent.exit()).code).toBe(0);
    const child = Number(readFileSync(join(home, "child"), "utf8"));
    onTestFinished(() => void process.kill(child, "SIGKILL"));
    const output = join(home, "wake/local.log");
    const before = statSync(output).size;
    await eventually(() => statSync(output).size > before, "it still writes");
    expect(statSync(output).mode & 0o777).toBe(0o600);
  });

  it("fails with the other's pid when an agent already runs in the home (failure mode 43)", async () => {
    const { server, alice, home } = await surroundings();
    const first = start(home, server.url, alice.bearer, "--listen", "none");
    await first.says("connected to");
    const second = start(home, server.url, alice.bearer, "--listen", "none");
    const { code, said } = await second.exit();
    expect(code).toBe(1);
    expect(said).toContain(`pid ${first.child.pid}`);
    expect(await statusOfCall(alice)).toBe(200);
    expect(first.said).not.toContain("lost");
  });

  it("stops with a message, and an exit code that systemd does not restart, when a copy takes its session (failure modes 44, 45)", async () => {
    const { server, alice, provider, home } = await surroundings();
    const first = start(home, server.url, alice.bearer, "--listen", "none");
    await first.says("connected to");
    const copy = homeWith(provider.url);
    copyFileSync(join(home, "provider-session"), join(copy, "provider-session"));
    const second = start(copy, server.url, alice.bearer, "--listen", "none");
    const { code, said } = await first.exit();
    expect({ code, said }).toMatchObject({ code: 4 });
    expect(said).toContain("another agent has taken over this session");
    await second.says("connected to");
    expect(await statusOfCall(alice)).toBe(200);
  });

  it("waits for a server that is away, and stops at once on a signal", async () => {
    const home = homeWith("http://127.0.0.1:1");
    const agent = start(
      home,
      "http://127.0.0.1:1",
      "mcpctl_pat_x",
      "--listen",
      "none",
      "--log-format",
      "json",
    );
    await agent.says("cannot be reached");
    agent.child.kill("SIGINT");
    const { code, said } = await agent.exit();
    expect(code).toBe(0);
    for (const line of said.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
    expect(said).not.toContain("mcpctl_pat_x");
  });
});
