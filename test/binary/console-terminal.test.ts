import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { binary, freePort, freshFolder, mcpctl, must as mustRun, startBinary } from "../support/binary.ts";
import { consoleEnv, startConsole, weatherProject } from "../support/console.ts";
import { said, scriptedMcp, tool } from "../support/mcp/http-server.ts";
import { testProject } from "../support/mcp/project.ts";
import { keys, openPty, type Pty } from "../support/pty.ts";

describe("the terminal, after the console ended (failure mode 190)", () => {
  it("is as it was: after q, Ctrl-C at each moment, and signals", async () => {
    const p = await weatherProject();
    const pty = openPty();
    const before = await pty.modes();
    const env = consoleEnv(p.url, p.bearer);
    const start = () => pty.start([binary, "console", "p"], env);
    const opened = async () => {
      const program = start();
      await pty.shows("> ask");
      return program;
    };
    const ends: [string, number | string, (pty: Pty) => Promise<void>][] = [
      ["q", 0, async () => pty.type("q")],
      ["Ctrl-C in a list", 130, async () => pty.type(keys.interrupt)],
      [
        "Ctrl-C in a form",
        130,
        async () => {
          pty.type("x");
          await pty.shows("[ Send ]");
          pty.type(`abc${keys.interrupt}`);
        },
      ],
      [
        "Ctrl-C while a call runs",
        130,
        async () => {
          pty.type(`x`);
          await pty.shows("[ Send ]");
          pty.type(`tools/call${keys.down}${keys.ctrl("u")}{"name": "wait"}${keys.ctrl("r")}`);
          await pty.shows("esc cancels");
          pty.type(keys.interrupt);
        },
      ],
    ];
    for (const [name, code, end] of ends) {
      const program = await opened();
      await end(pty);
      expect([name, await program.ended]).toEqual([name, code]);
      expect(await pty.modes(), name).toEqual(before);
    }
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
      const program = await opened();
      program.kill(signal);
      const ended = await program.ended;
      expect([signal, signal === "SIGINT" ? 130 : signal]).toContain(ended);
      expect(await pty.modes(), signal).toEqual(before);
    }
    // Before it is connected.
    const asked = Promise.withResolvers<void>();
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => asked.resolve() } });
    const waiting = pty.start([binary, "console", "p"], {
      ...env,
      MCPCTL_SERVER: `http://127.0.0.1:${silent.port}`,
    });
    await asked.promise;
    pty.type(keys.interrupt);
    expect(await waiting.ended).toBe(130);
    expect(await pty.modes(), "before it is connected").toEqual(before);
    silent.stop(true);
  });

  it.each(["timer", "draw"])("is as it was after a defect (%s), which is told", async (where) => {
    const pty = openPty();
    const before = await pty.modes();
    const fixture = join(import.meta.dirname, "../support/console-crash.ts");
    const env = { PATH: process.env["PATH"]!, TERM: "xterm-256color", HOME: "/" };
    const program = pty.start([process.execPath, fixture, where], env);
    await pty.shows("all is well");
    expect(await program.ended).toBe(1);
    expect(await pty.modes()).toEqual(before);
    expect(pty.output()).toContain("it is broken");
  });
});

describe("a console that cannot run", () => {
  it("says why, and draws nothing", async () => {
    const p = await testProject({}, { proxyModel: "none" });
    const { bearer: other } = await p.token("other", [{ role: "view", resource: "projects" }]);
    const pty = openPty(120);
    const run = async (args: string[], env: Record<string, string> = {}, bearer = p.bearer) => {
      const from = pty.output().length;
      const code = await pty.start([binary, "console", ...args], consoleEnv(p.url, bearer, env)).ended;
      await pty.modes();
      const text = pty.output().slice(from).split("speed ")[0]!;
      expect(text).not.toContain("\u001b[?1049h");
      return `${code} ${text}`;
    };
    expect(await run(["p"], { TERM: "dumb" })).toMatch(
      /^2 error: the console needs a terminal.*TERM is dumb/,
    );
    expect(await run(["p"], { TERM: "" })).toMatch(/^2 .*TERM is not set/);
    expect(await run(["q"], { NO_COLOR: "1" })).toMatch(/^3 error: project "q" not found/);
    expect(await run(["p"], { NO_COLOR: "1" }, other)).toMatch(/^4 error: project "p": /);
    expect(await run(["p", "--traffic"], { NO_COLOR: "1" })).toMatch(
      /^4 error: you may not see the messages of project "p"/,
    );
    expect(await run(["p", "--revision", "1999-01-01"])).toMatch(/^2 /);
    const env = consoleEnv(p.url, p.bearer);
    const piped = await mcpctl("console p", { env });
    expect([piped.code, piped.stdout]).toEqual([2, ""]);
    expect(piped.stderr).toContain("needs a terminal for its input and output");
  });
});

describe("what servers send to a console (T223)", () => {
  // Rarely the screen stands a line too high here: why the terminal scrolls then is not known.
  it("moves no cursor, changes no colours, and stays in its columns", async () => {
    const evil = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202egnp\u200b\r\n\u0007";
    const wide = "日本語".repeat(40);
    const zalgo = `z${"\u0300\u0489".repeat(40)}`;
    const upstream = scriptedMcp("legacy", {
      "tools/list": () => ({
        tools: [
          {
            name: "a",
            description: `${evil}${wide}`,
            title: evil,
            inputSchema: {
              type: "object",
              properties: {
                [`${evil}x`]: { type: "string", description: evil, default: evil, enum: undefined },
              },
            },
          },
          { ...tool("b"), description: `👨‍👩‍👧 ${zalgo} e\u0301 🇩🇪 ${"👍🏽".repeat(60)}` },
        ],
      }),
      "tools/call": () => ({ isError: true, ...said(evil + zalgo + wide) }),
    });
    const p = await testProject({}, { proxyModel: "none" });
    await p.attach("s", upstream.url);
    const c = startConsole(p, { env: { NO_COLOR: "1" } });
    await c.shows("> a");
    expect(c.screen().length).toBe(24);
    expect(c.screen()[3]).toContain("\\e[2J\\e]0;title\\u0007\\u009b31m\\u202egnp");
    expect(c.screen()[4]).toMatch(/^ {2}b {32}.*e?é DE/);
    c.type(keys.enter);
    await c.shows("Arguments");
    c.type(keys.enter);
    await c.shows("[ Call ]");
    c.type(keys.ctrl("r"));
    await c.shows("the tool reports an error");
    expect(c.screen()[0]).toMatch(/^mcpctl console/);
    expect(c.screen()[23]).toContain("quit");
    c.type("j");
    await c.shows('"name": "a"');
    const output = c.output();
    expect(output).not.toContain("\u001b]0;");
    expect(output).not.toContain("\u009b");
    expect(output).not.toContain("\u202e");
    // Without colours: bold and inverse text alone.
    const styles = [...output.matchAll(/\u001b\[([\d;]*)m/g)].map(([, codes]) => codes);
    expect(new Set(styles).difference(new Set(["1", "7", "22", "27", "0", ""]))).toEqual(new Set());
  });

  it("may be nothing, or five hundred tools", async () => {
    const empty = await testProject({}, { proxyModel: "none" });
    const first = startConsole(empty);
    await first.shows("the project offers no tools");
    first.type("2");
    await first.shows("no resources");
    first.type("3");
    await first.shows("no prompts");
    const many = await testProject({}, { proxyModel: "none" });
    const tools = Array.from({ length: 500 }, (_, i) => tool(`tool_${String(i).padStart(3, "0")}`));
    await many.attach("s", scriptedMcp("legacy", { "tools/list": () => ({ tools }) }).url);
    const c = startConsole(many);
    await c.shows("[1 tools 500]");
    c.type(keys.end);
    await c.shows("> tool_499");
    c.type(keys.pageDown);
    c.type("/_12");
    await c.hides("tool_499");
    await c.shows("> tool_120");
  });
});

it("a console goes on when its server has restarted, and sees what is new (failure mode 191)", async () => {
  const home = freshFolder();
  const port = await freePort();
  const start = () => startBinary({ home, args: ["--listen", `127.0.0.1:${port}`] });
  const server = await start();
  const program = join(import.meta.dirname, "../support/mcp-stdio-server.ts");
  await mustRun(
    server.run([
      "create",
      "server",
      "tools",
      "--command",
      process.execPath,
      "--command",
      program,
      "--sandbox",
      "none",
    ]),
  );
  await mustRun(server.run("create project p --server tools --proxy-model none --traffic metadata"));
  await mustRun(server.run("wait server/tools --for=status=ready --timeout 60s"));
  const made = await mustRun(
    server.run("create token t --bind role:run,resource:projects --bind role:edit,resource:projects"),
  );
  const bearer = made.trim().split("\n").at(-1)!;
  const c = startConsole({ url: server.url, bearer }, { args: ["p", "--traffic"] });
  await c.shows("everybody's messages, traffic: metadata");
  await c.shows("tools/list");
  server.kill("SIGKILL");
  await server.ended;
  await c.shows("no connection");
  const again = await start();
  await c.shows("2026-07-28 connected");
  await mustRun(again.run("test mcp -p p"));
  await c.shows("→ admin        tools/list");
  c.type("1");
  await c.shows("[1 tools 4]");
  await mustRun(again.run("detach-server tools -p p"));
  await c.shows("[1 tools 0]");
  c.type("q");
  expect(await c.program.ended).toBe(0);
});

it("--traffic -o json prints messages for programs, until it is stopped", async () => {
  const p = await weatherProject({ traffic: "metadata" });
  const { bearer } = await p.token("editor", [{ role: "edit", resource: "projects", name: "p" }]);
  await p.modern("tools/call", { name: "forecast", arguments: { city: "Rome" } });
  const env = consoleEnv(p.url, bearer);
  const { code, stdout, stderr } = await mcpctl("console p --traffic -o json --timeout 2s", { env });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ from, method }) => [from, method])).toEqual([
    ["client", "tools/call"],
    ["server", "tools/call"],
  ]);
  expect([code, stderr]).toEqual([6, expect.stringContaining("--timeout")]);
});
