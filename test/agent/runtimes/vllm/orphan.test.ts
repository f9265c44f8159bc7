import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ManagedConfig } from "../../../../src/agent/core/config.ts";
import { createManagedVllm } from "../../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { memoryLog } from "../../../support/agent/memory-log.ts";
import { errorOf } from "../../../support/error-of.ts";
import { isAlive, stranger } from "../../../support/processes/processes.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import {
  type Behaviour,
  type FakeVllm,
  fakeVllm,
  fileShows,
  vllmConfig,
  vllmDeps,
} from "../../../support/vllm/fake-vllm.ts";

const never = new AbortController().signal;

/** Starts an agent as a process and returns when its vLLM is started or ready. */
async function otherAgent(
  until: "started" | "ready",
  behaviour: Behaviour = {},
  config: Partial<ManagedConfig> = {},
) {
  const home = temporaryFolder();
  const vllm = fakeVllm(behaviour);
  const asked = vllmConfig({ command: vllm.command, ...config });
  const file = join(home, "agent");
  writeFileSync(file, `${JSON.stringify({ home, config: asked })}\n`);
  const agent = Bun.spawn(
    [process.execPath, join(import.meta.dirname, "../../../support/vllm/vllm-owner.ts"), file],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const end = async (signal: NodeJS.Signals) => {
    agent.kill(signal);
    await agent.exited;
  };
  onTestFinished(() => end("SIGKILL"));
  await fileShows(file, () => readFileSync(file, "utf8").includes(`${until}\n`));
  return { home, vllm, config: asked, end };
}

/** Returns the runtime of the next agent. */
function nextAgent(home: string, config: Parameters<typeof createManagedVllm>[0]) {
  const log = memoryLog();
  const runtime = createManagedVllm(config, vllmDeps(home, { log }));
  onTestFinished(() => runtime.close());
  return { runtime, log };
}

async function allGone(vllm: FakeVllm): Promise<void> {
  while (vllm.left().length > 0) await Bun.sleep(2);
}

describe("the vLLM of an agent that was killed with -9", () => {
  it("is adopted by the next agent, which also ends it (failure mode 26)", async () => {
    const { home, vllm, config, end } = await otherAgent("ready");
    await end("SIGKILL");
    expect(vllm.left()).toHaveLength(2);
    const { runtime, log } = nextAgent(home, config);
    await runtime.start();
    expect(runtime.describe()).toMatchObject({ state: "active", pid: vllm.starts()[0]!.pid });
    expect(log.lines).toEqual(["info: vllm-local: took over the vLLM of an earlier agent"]);
    await runtime.wake(never);
    expect(await (await fetch(`${runtime.url}/v1/models`)).text()).toContain("acme/tiny");
    await runtime.close();
    expect(vllm.left()).toEqual([]);
    expect(vllm.starts()).toHaveLength(1);
    expect(vllm.events().slice(-2)).toEqual(["term", "left"]);
  });

  it("is adopted asleep when it sleeps", async () => {
    const { home, vllm, config, end } = await otherAgent("ready", {}, { extraArgs: ["--enable-sleep-mode"] });
    await end("SIGKILL");
    const { port } = JSON.parse(readFileSync(join(home, "vllm/vllm-local.json"), "utf8"));
    await fetch(`http://127.0.0.1:${port}/sleep?level=1`, { method: "POST" });
    const { runtime } = nextAgent(home, config);
    await runtime.start();
    expect(runtime.describe()).toMatchObject({ state: "hibernating", resident: false });
    await runtime.wake(never);
    expect(vllm.events().filter((event) => /sleep|wake|start/.test(event))).toEqual([
      "start",
      "sleep",
      "wake up",
    ]);
  });

  it("is noticed when it ends after it was adopted, although it is not a child of the agent", async () => {
    const { home, vllm, config, end } = await otherAgent("ready", { engineLeavesGroup: true });
    await end("SIGKILL");
    const { runtime } = nextAgent(home, config);
    await runtime.start();
    process.kill(vllm.starts()[0]!.pid, "SIGKILL");
    await allGone(vllm);
    await runtime.wake(never);
    expect(vllm.starts()).toHaveLength(2);
  });

  it("is ended when the config has changed, with an engine that has left its group (failure modes 24, 26)", async () => {
    const { home, vllm, config, end } = await otherAgent("ready", { engineLeavesGroup: true });
    await end("SIGKILL");
    const other = { ...config, managed: { ...config.managed!, extraArgs: ["--max-model-len", "9"] } };
    const { runtime } = nextAgent(home, other);
    await runtime.start();
    expect(runtime.state).toBe("hibernating");
    await allGone(vllm);
    expect(vllm.starts()).toHaveLength(1);
  });

  it("is ended when it was not ready yet, and a call waits for a new start (failure modes 25, 26)", async () => {
    const { home, vllm, config, end } = await otherAgent("started", { hangsAt: "Loading weights" });
    await vllm.until("engine");
    await end("SIGKILL");
    const { runtime } = nextAgent(home, config);
    await runtime.start();
    vllm.behave({});
    await runtime.wake(never);
    const [first, second] = vllm.starts();
    expect([isAlive(first!.pid), isAlive(second!.pid)]).toEqual([false, true]);
    expect(vllm.left()).toHaveLength(2);
  });

  it("is swept when only its engine is left, which holds the memory of the GPU (failure mode 24)", async () => {
    const { home, vllm, config, end } = await otherAgent("ready", { engineLeavesGroup: true });
    await end("SIGKILL");
    process.kill(vllm.starts()[0]!.pid, "SIGKILL");
    const [engine] = vllm.engines();
    expect(isAlive(engine!)).toBe(true);
    const { runtime } = nextAgent(home, config);
    await runtime.start();
    await runtime.close();
    expect(vllm.left()).toEqual([]);
    expect([...new Bun.Glob("vllm/*.json").scanSync(home)]).toEqual([]);
  });

  it("is left alone while its agent still runs", async () => {
    const { home, vllm, config } = await otherAgent("ready");
    const { runtime } = nextAgent(home, config);
    await runtime.start();
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      ...{ code: "unavailable", message: "another agent on its machine runs this vLLM" },
    });
    await runtime.close();
    expect(vllm.left()).toHaveLength(2);
    expect(vllm.starts()).toHaveLength(1);
  });

  it("is gone when the agent was stopped with SIGTERM, also during a start (failure mode 25)", async () => {
    const { home, vllm, end } = await otherAgent("started", { hangsAt: "Loading weights" });
    await vllm.until("engine");
    await end("SIGTERM");
    expect(vllm.left()).toEqual([]);
    expect([...new Bun.Glob("vllm/*.json").scanSync(home)]).toEqual([]);
  });
});

describe("the record of a vLLM", () => {
  const owner = { pid: 2 ** 22 + 1, start: "boot/1" };
  const marker = crypto.randomUUID();

  function noted(note: unknown): string {
    const home = temporaryFolder();
    mkdirSync(join(home, "vllm"));
    writeFileSync(join(home, "vllm/vllm-local.json"), typeof note === "string" ? note : JSON.stringify(note));
    return home;
  }

  const starting = async (home: string) => {
    const { runtime, log } = nextAgent(home, vllmConfig({ command: fakeVllm().command }));
    await runtime.start();
    await runtime.close();
    return log.lines;
  };

  it("never leads to the end of a process without the marker, even if number and start match (failure modes 24, 26)", async () => {
    const leader = stranger();
    await starting(noted({ marker, port: 1, configHash: "x", leader, owner }));
    expect(isAlive(leader.pid)).toBe(true);
  });

  it("never leads to the end of a process that has got the recorded number later", async () => {
    const { pid } = stranger({ MCPCTL_AGENT_PROVIDER: crypto.randomUUID() });
    await starting(noted({ marker, port: 1, configHash: "x", leader: { pid, start: "boot/1" }, owner }));
    expect(isAlive(pid)).toBe(true);
  });

  it("never leads to the end of a process by a marker that is not random, or is only the beginning of another", async () => {
    const [one, other] = [
      stranger({ MCPCTL_AGENT_PROVIDER: "x" }),
      stranger({ MCPCTL_AGENT_PROVIDER: `${marker}0` }),
    ];
    await starting(noted({ marker: "x", port: 1, configHash: "x", leader: one, owner }));
    await starting(noted({ marker, port: 1, configHash: "x", owner }));
    expect([isAlive(one.pid), isAlive(other.pid)]).toEqual([true, true]);
  });

  it("is ignored when it is invalid", async () => {
    for (const text of [
      "",
      "{",
      "null",
      '{"marker":1}',
      `{"marker":"${marker}","port":1,"configHash":"","owner":{"pid":-1}}`,
    ])
      expect(await starting(noted(text))).toEqual([]);
  });

  it("leads to the end of every process with the marker, also when the agent was killed before it recorded the process", async () => {
    const { pid } = stranger({ MCPCTL_AGENT_PROVIDER: marker });
    await starting(noted({ marker, port: 1, configHash: "x", owner }));
    expect(isAlive(pid)).toBe(false);
  });

  it("can be read by its owner only, like the output of vLLM", async () => {
    const { home } = await otherAgent("ready");
    const modes = ["vllm", "vllm/vllm-local.json", "vllm/vllm-local.log"].map((name) =>
      Bun.spawnSync(["stat", "-c", "%a", join(home, name)])
        .stdout.toString()
        .trim(),
    );
    expect(modes).toEqual(["700", "600", "600"]);
  });
});
