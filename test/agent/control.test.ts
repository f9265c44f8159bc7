import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openControl } from "../../src/agent/control.ts";
import type { LocalProvider, Runtime } from "../../src/agent/core/provider.ts";
import { AppError } from "../../src/errors.ts";
import { memoryLog } from "../support/agent/memory-log.ts";

const newHome = () => mkdtempSync(join(tmpdir(), "mcpctl-ctl-"));

/** Returns a provider whose runtime does what a test says. */
function providerOf(runtime: Partial<Runtime>): LocalProvider {
  return {
    config: {
      name: "qwen",
      type: "vllm-managed",
      model: "Qwen/Qwen3-8B",
      publish: true,
      publishName: "alice-qwen",
    },
    runtime: {
      url: "http://127.0.0.1:1",
      state: "active",
      onChange: () => () => {},
      start: async () => {},
      wake: async () => {},
      stop: async () => {},
      enter: () => () => {},
      describe: () => ({ state: "active", detail: null, pid: 42, resident: true }),
      close: async () => {},
      ...runtime,
    },
    published: () => ({ name: "alice-qwen", type: "vllm", model: "Qwen/Qwen3-8B" }),
    llmState: () => ({ status: "active", inFlight: 2 }),
    call: () => Promise.reject(new Error("nobody calls it")),
    close: async () => {},
  };
}

async function open(home: string, runtime: Partial<Runtime> = {}) {
  const provider = providerOf(runtime);
  const providers = { all: [provider], named: (name: string) => (name === "qwen" ? provider : undefined) };
  const path = join(home, "agent.sock");
  const log = memoryLog();
  const status = () => ({ server: "http://home:7777", transport: "websocket" }) as const;
  const control = await openControl({ path, providers, status, log, fetch });
  onTestFinished(() => control.close());
  const ask = async (method: string, where: string) => {
    const answer = await fetch(`http://localhost${where}`, { method, unix: path });
    return [answer.status, await answer.json()];
  };
  return { control, path, log, ask };
}

describe("the agent's control socket", () => {
  it("can be opened by its owner only, and is removed with the agent", async () => {
    const home = newHome();
    const { control, path } = await open(home);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(["agent.sock"]);
    await control.close();
    expect(readdirSync(home)).toEqual([]);
  });

  it("reports the state of the agent and of its providers", async () => {
    const { ask } = await open(newHome());
    expect(await ask("GET", "/status")).toEqual([
      200,
      { server: "http://home:7777", transport: "websocket", pid: process.pid },
    ]);
    const report = {
      name: "qwen",
      type: "vllm-managed",
      model: "Qwen/Qwen3-8B",
      state: "active",
      detail: null,
      publishedAs: "alice-qwen",
      failoverFor: null,
      inFlight: 2,
      resident: true,
      pid: 42,
    };
    expect(await ask("GET", "/providers")).toEqual([200, [report]]);
    expect(await ask("POST", "/providers/qwen/up")).toEqual([200, report]);
  });

  it("wakes and stops providers, and returns the error when that fails", async () => {
    const done: string[] = [];
    const { ask, log } = await open(newHome(), {
      wake: async () => {
        done.push("wake");
        throw new AppError("unavailable", "the model could not be woken: it is out of memory", {
          retryAfter: 30,
        });
      },
      stop: async () => {
        done.push("stop");
        throw new Error("internals");
      },
    });
    expect(await ask("POST", "/providers/qwen/up")).toMatchObject([
      503,
      { error: "the model could not be woken: it is out of memory", code: "unavailable" },
    ]);
    expect(await ask("POST", "/providers/qwen/down")).toMatchObject([500, { error: "internal error" }]);
    expect(done).toEqual(["wake", "stop"]);
    expect(log.lines).toEqual(["error: the control socket failed: internals"]);
  });

  it.each([
    ["POST", "/providers/other/up"],
    ["GET", "/providers/qwen/up"],
    ["POST", "/providers/qwen/restart"],
    ["DELETE", "/providers"],
    ["GET", "/"],
  ])("responds not_found to %s %s, and does nothing", async (method, where) => {
    let done = 0;
    const count = async () => void done++;
    const { ask } = await open(newHome(), { wake: count, stop: count });
    expect(await ask(method, where)).toMatchObject([404, { code: "not_found" }]);
    expect(done).toBe(0);
  });

  it("locks a home: a second agent fails with the pid of the first one (failure mode 43)", async () => {
    const home = newHome();
    const { ask, path } = await open(home);
    await expect(open(home)).rejects.toMatchObject({
      code: "unavailable",
      message: `another agent is already running (pid ${process.pid})`,
    });
    expect((await ask("GET", "/status"))[0]).toBe(200);
    expect(readdirSync(home)).toEqual(["agent.sock"]);
    expect(existsSync(path)).toBe(true);
  });

  it("does not wait for a lock of the future, which was made before the clock was set back (failure mode 94)", async () => {
    const home = newHome();
    // A killed agent has left its socket and its lock.
    writeFileSync(join(home, "agent.sock"), "");
    const lock = join(home, ".agent.lock");
    writeFileSync(lock, "");
    const tomorrow = Date.now() / 1000 + 24 * 60 * 60;
    utimesSync(lock, tomorrow, tomorrow);
    const { ask } = await open(home);
    expect((await ask("GET", "/status"))[0]).toBe(200);
    expect(existsSync(lock)).toBe(false);
  });

  it("lets one of many agents start that start together (failure mode 43)", async () => {
    const home = newHome();
    const program = join(home, "start.ts");
    const control = new URL("../../src/agent/control.ts", import.meta.url).pathname;
    writeFileSync(
      program,
      `import { openControl } from ${JSON.stringify(control)};
      const quiet = () => {};
      const log = { info: quiet, warn: quiet, error: quiet, success: quiet };
      const providers = { all: [], named: () => undefined };
      const path = ${JSON.stringify(join(home, "agent.sock"))};
      openControl({ path, providers, status: () => ({}), log, fetch }).then(
        async () => {
          console.log("started");
          await Bun.stdin.text();
          process.exit(0);
        },
        (error) => {
          console.log(error.message);
          process.exit(0);
        },
      );`,
    );
    // The first one is killed, so that the others find its socket.
    const run = () =>
      Bun.spawn([process.execPath, program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const first = run();
    const said = async (child: ReturnType<typeof run>) => {
      const { value } = await child.stdout.getReader().read();
      return new TextDecoder().decode(value).trim();
    };
    expect(await said(first)).toBe("started");
    first.kill("SIGKILL");
    await first.exited;

    const rest = [run(), run(), run()];
    const words = await Promise.all(rest.map(said));
    for (const child of rest) child.stdin.end();
    await Promise.all(rest.map(({ exited }) => exited));
    expect(words.filter((word) => word === "started")).toHaveLength(1);
    for (const word of words)
      expect(word).toMatch(/^(started|another agent is already running( \(pid \d+\))?)$/);
  });

  it("replaces a file that is not a socket", async () => {
    const home = newHome();
    writeFileSync(join(home, "agent.sock"), "left over");
    const { ask, log } = await open(home);
    expect((await ask("GET", "/status"))[0]).toBe(200);
    expect(log.lines).toEqual(["info: an agent that was killed left its socket behind: it is replaced"]);
    expect(readdirSync(home)).toEqual(["agent.sock"]);
  });

  it("fails when its path is too long, instead of cutting it off", async () => {
    const home = join(newHome(), "x".repeat(100));
    mkdirSync(home);
    await expect(open(home)).rejects.toMatchObject({
      code: "unavailable",
      message: `the path of the agent's socket is too long: ${home}/agent.sock`,
      hint: expect.stringContaining("MCPCTL_HOME"),
    });
    expect(readdirSync(home)).toEqual([]);
  });

  it("aborts a wake when its caller disconnects", async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const { path } = await open(newHome(), {
      wake: (signal) =>
        new Promise((_, reject) => {
          begin();
          signal.addEventListener("abort", () => {
            leave();
            reject(new AppError("client_closed_request", "gone"));
          });
        }),
    });
    const going = new AbortController();
    const calling = fetch("http://localhost/providers/qwen/up", {
      method: "POST",
      unix: path,
      signal: going.signal,
    });
    await begun;
    going.abort();
    await expect(calling).rejects.toThrow();
    await left;
  });
});
