import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ManagedConfig } from "../../../../src/agent/core/config.ts";
import type { Runtime } from "../../../../src/agent/core/provider.ts";
import { createManagedVllm, type ManagedVllmDeps } from "../../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { memoryLog } from "../../../support/agent/memory-log.ts";
import { errorOf } from "../../../support/error-of.ts";
import { isAlive } from "../../../support/processes/processes.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type Behaviour, fakeVllm, vllmConfig, vllmDeps } from "../../../support/vllm/fake-vllm.ts";

const never = new AbortController().signal;

function managed(
  behaviour: Behaviour = {},
  config: Partial<ManagedConfig> = {},
  more: Partial<ManagedVllmDeps> = {},
) {
  const home = temporaryFolder();
  const vllm = fakeVllm(behaviour);
  const log = memoryLog();
  const runtime = createManagedVllm(vllmConfig({ command: vllm.command, ...config }), {
    ...vllmDeps(home, { log }),
    ...more,
  });
  onTestFinished(() => runtime.close());
  return { runtime, vllm, home, log };
}

/** Returns when the runtime is in a state. */
function inState(runtime: Runtime, state: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (runtime.state !== state) return;
      stop();
      resolve();
    };
    const stop = runtime.onChange(look);
    look();
  });
}

async function ask(runtime: Runtime, body: object = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${runtime.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "acme/tiny", messages: [], ...body }),
  });
  return { status: response.status, text: await response.text() };
}

describe("a managed vLLM", () => {
  it("is not swept as a left-over when a call starts it before the sweep", async () => {
    const { runtime, vllm, log } = managed();
    const started = runtime.start();
    await Promise.all([runtime.wake(never), started]);
    // The sweep of the first start is over when the second start returns.
    await runtime.start();
    expect(vllm.starts()).toHaveLength(1);
    expect(vllm.events()).not.toContain("term");
    expect(runtime.state).toBe("active");
    expect(log.lines).toEqual([]);
  });

  it("is started by its first call, with the name of its model, and can be called when wake returns", async () => {
    const { runtime, vllm, home } = managed({}, { extraArgs: ["--max-model-len", "8"] });
    await runtime.start();
    expect(runtime.state).toBe("hibernating");
    expect(vllm.starts()).toEqual([]);
    const states: string[] = [];
    runtime.onChange(() => states.push(runtime.state));
    await runtime.wake(never);
    expect(states).toEqual(["waking", "active"]);
    expect(vllm.events().filter((event) => event !== "health")).toEqual(["start", "engine", "one token"]);
    const [start] = vllm.starts();
    expect(runtime.describe()).toEqual({ state: "active", detail: null, pid: start!.pid, resident: true });
    expect(start!.args).toEqual([
      ...["--max-model-len", "8", "--host", "127.0.0.1"],
      ...["--port", new URL(runtime.url).port, "--served-model-name", "acme/tiny"],
    ]);
    expect(start!.cwd).toBe(join(home, "vllm"));
    expect((await ask(runtime)).text).toContain("hello");
    expect((await ask(runtime, { stream: true })).text).toContain("[DONE]");
  });

  it("is started with the agent when warmup is set", async () => {
    const { runtime, vllm } = managed({}, { warmup: true });
    await runtime.start();
    expect(runtime.state).toBe("waking");
    await inState(runtime, "active");
    expect(vllm.starts()).toHaveLength(1);
  });

  it("is started once for 50 callers, and goes on starting when the first and then all of them leave (failure modes 11, 12, 13)", async () => {
    const { runtime, vllm } = managed({ hangsAt: "Loading weights" });
    const first = new AbortController();
    const others = new AbortController();
    const leaving = errorOf(() => runtime.wake(first.signal));
    const waiting = Array.from({ length: 49 }, () => errorOf(() => runtime.wake(others.signal)));
    const faithful = runtime.wake(never);
    await vllm.until("engine");
    first.abort();
    expect(await leaving).toMatchObject({ kind: "cancelled" });
    expect(runtime.state).toBe("waking");
    others.abort();
    await Promise.all(waiting);
    vllm.behave({});
    await faithful;
    expect(runtime.state).toBe("active");
    expect(vllm.starts()).toHaveLength(1);
    expect(await errorOf(() => runtime.wake(AbortSignal.abort()))).toMatchObject({ kind: "cancelled" });
  });

  it("becomes ready when all callers have gone (failure mode 13)", async () => {
    const { runtime, vllm } = managed({ hangsAt: "Loading weights" });
    const only = new AbortController();
    const waiting = errorOf(() => runtime.wake(only.signal));
    await vllm.until("engine");
    only.abort();
    await waiting;
    vllm.behave({});
    await inState(runtime, "active");
  });

  it("reports the phase of its start and the time since it began", async () => {
    const time = new FakeClock();
    const { runtime, vllm } = managed({ hangsAt: "Loading weights took" }, {}, { time });
    const waking = runtime.wake(never);
    await vllm.until("engine");
    time.move(34_400);
    while (!runtime.describe().detail?.startsWith("compiling")) await Bun.sleep(2);
    expect(runtime.describe()).toMatchObject({ state: "waking", detail: "compiling, 34 s" });
    vllm.behave({});
    await waking;
    expect(runtime.describe().detail).toBeNull();
  });

  it("is ready after its first token, or when it generates no text at all", async () => {
    const { runtime, vllm } = managed({ firstStatus: 500 });
    const waking = runtime.wake(never);
    await vllm.until("one token", 2);
    expect(runtime.state).toBe("waking");
    vllm.behave({ firstStatus: 400 });
    await waking;
    expect(runtime.state).toBe("active");
  });

  it("is stopped with SIGTERM first, and leaves neither processes nor a record", async () => {
    const { runtime, vllm, home } = managed();
    await runtime.wake(never);
    expect(vllm.left()).toHaveLength(2);
    await runtime.stop();
    expect(vllm.left()).toEqual([]);
    expect(vllm.events().slice(-2)).toEqual(["term", "left"]);
    expect(runtime.describe()).toEqual({ state: "hibernating", detail: null, resident: false });
    expect([...new Bun.Glob("vllm/*").scanSync(home)]).toEqual(["vllm/vllm-local.log"]);
    await runtime.wake(never);
    expect(vllm.starts()).toHaveLength(2);
  });

  it("that ignores SIGTERM is killed after the grace, with an engine that has left its group (failure mode 24)", async () => {
    const timeouts = { poll: 10, grace: 60 };
    const { runtime, vllm } = managed({ ignoresTerm: true, engineLeavesGroup: true }, {}, { timeouts });
    await runtime.wake(never);
    await runtime.stop();
    expect(vllm.left()).toEqual([]);
    expect(vllm.events()).not.toContain("left");
  });

  it("leaves nothing behind when the agent stops during its start (failure mode 25)", async () => {
    const { runtime, vllm } = managed({ hangsAt: "Loading weights", engineLeavesGroup: true });
    const waiting = errorOf(() => runtime.wake(never));
    await vllm.until("engine");
    await runtime.close();
    expect(vllm.left()).toEqual([]);
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(runtime.state).toBe("inactive");
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({ code: "unavailable" });
    expect(vllm.starts()).toHaveLength(1);
  });

  it("can be stopped during its start, and a later call waits for the next start (failure mode 15)", async () => {
    const { runtime, vllm } = managed({ hangsAt: "Loading weights" });
    const first = errorOf(() => runtime.wake(never));
    await vllm.until("engine");
    const stopping = runtime.stop();
    const second = runtime.wake(never);
    expect(await first).toMatchObject({ code: "unavailable", message: "it was stopped while it was waking" });
    await stopping;
    vllm.behave({});
    await second;
    expect(runtime.state).toBe("active");
    expect(vllm.starts()).toHaveLength(2);
    expect(vllm.left()).toHaveLength(2);
  });

  it("gets no token of the agent, and a marker", async () => {
    const env = { PATH: process.env["PATH"], MCPCTL_TOKEN: "mcpctl_secret" };
    const { runtime, vllm } = managed({}, {}, { env });
    await runtime.wake(never);
    expect(JSON.stringify(vllm.starts())).not.toContain("mcpctl_secret");
    expect(vllm.starts()[0]!.env["MCPCTL_AGENT_PROVIDER"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("a vLLM that fails", () => {
  it("out of memory while it loads gives callers the reason and its owner the last lines, and cools down (failure modes 18, 24)", async () => {
    const time = new FakeClock();
    const says = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 9.99 GiB";
    const behaviour = { endsAt: { line: "Loading weights", says }, engineLeavesGroup: true };
    const { runtime, vllm, log, home } = managed(behaviour, {}, { time });
    const message = "vLLM ended with code 1 while it was starting (out of GPU memory)";
    const refused = await Promise.all([1, 2, 3].map(() => errorOf(() => runtime.wake(never))));
    for (const one of refused) expect(one).toMatchObject({ code: "unavailable", message, retryAfter: 30 });
    expect(vllm.starts()).toHaveLength(1);
    expect(vllm.left()).toEqual([]);
    expect(runtime.describe()).toMatchObject({ state: "hibernating", detail: message });
    expect(log.lines.join("\n")).toContain("Tried to allocate 9.99 GiB");
    expect(log.lines.join("\n")).toContain(join(home, "vllm/vllm-local.log"));

    time.move(20_000);
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({ message, retryAfter: 10 });
    expect(vllm.starts()).toHaveLength(1);
    time.move(10_000);
    vllm.behave({});
    await runtime.wake(never);
    expect(vllm.starts()).toHaveLength(2);
    expect(runtime.describe().detail).toBeNull();
  });

  it("because there is no such model gives callers that reason", async () => {
    const says = "OSError: acme/tiny is not a local folder and is not a valid model identifier";
    const { runtime } = managed({ endsAt: { line: "Starting to load", says, code: 3 } });
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      message: "vLLM ended with code 3 while it was starting (the model is not there)",
    });
  });

  it("out of memory during a response breaks off the call, is swept, and is started again by the next call (failure mode 19)", async () => {
    const { runtime, vllm, log } = managed({ engineLeavesGroup: true });
    await runtime.wake(never);
    vllm.behave({ outOfMemory: "mid-generation" });
    const leave = runtime.enter();
    await expect(ask(runtime, { stream: true })).rejects.toThrow();
    leave();
    await inState(runtime, "hibernating");
    vllm.behave({});
    await runtime.wake(never);
    expect(log.lines.join("\n")).toContain("vLLM ended with code 1 (out of GPU memory)");
    const [first, second] = vllm.engines();
    expect([isAlive(first!), isAlive(second!)]).toEqual([false, true]);
    expect(vllm.starts()).toHaveLength(2);
  });

  it("with a dead engine and status 503 is stopped", async () => {
    const timeouts = { poll: 10, watch: 20 };
    const { runtime, vllm } = managed({}, {}, { timeouts });
    await runtime.wake(never);
    vllm.behave({ engineDead: true });
    await inState(runtime, "hibernating");
    vllm.behave({});
    await runtime.wake(never);
    expect(vllm.starts()).toHaveLength(2);
    expect(vllm.left()).toHaveLength(2);
  });

  it("to be ready in time is stopped with all its processes", async () => {
    const { runtime, vllm } = managed({ hangsAt: "torch.compile" }, { warmupSeconds: 0.3 });
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      ...{ code: "unavailable", message: "vLLM was not ready within 0.3 s", retryAfter: 30 },
    });
    expect(vllm.left()).toEqual([]);
  });

  it("to serve its name is not ready (failure mode 10)", async () => {
    const { runtime, vllm } = managed({ serves: "another/model" });
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      message: "another server has the port of this vLLM",
    });
    expect(vllm.left()).toEqual([]);
    expect(vllm.events()).not.toContain("one token");
  });

  it("because its program is missing cannot be called until it is installed, and only its owner sees the path (failure mode 22)", async () => {
    const home = temporaryFolder();
    const bin = temporaryFolder();
    const log = memoryLog();
    const config = vllmConfig({ command: join(bin, "vllm") });
    const runtime = createManagedVllm(config, vllmDeps(home, { log }));
    onTestFinished(() => runtime.close());
    await runtime.start();
    expect(runtime.describe()).toMatchObject({ state: "inactive", detail: `there is no ${bin}/vllm` });
    const refused = await errorOf(() => runtime.wake(never));
    expect(refused).toMatchObject({ code: "unavailable", message: "vLLM cannot be started on its machine" });
    expect(log.lines.join("\n")).toContain(`there is no ${bin}/vllm`);
    const { command } = fakeVllm();
    await Bun.write(join(bin, "vllm"), readFileSync(command));
    Bun.spawnSync(["chmod", "+x", join(bin, "vllm")]);
    await runtime.wake(never);
    expect(runtime.state).toBe("active");
  });

  it("because its interpreter is missing leaves no record, and its owner sees the reason (failure mode 22)", async () => {
    const home = temporaryFolder();
    const command = join(temporaryFolder(), "vllm");
    writeFileSync(command, "#!/no/such/python\n", { mode: 0o755 });
    const log = memoryLog();
    const runtime = createManagedVllm(vllmConfig({ command }), vllmDeps(home, { log }));
    await runtime.start();
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      ...{ code: "unavailable", message: "vLLM cannot be run on its machine" },
    });
    expect(runtime.state).toBe("hibernating");
    expect(log.lines.join("\n")).toContain("ENOENT");
    expect([...new Bun.Glob("vllm/*.json").scanSync(home)]).toEqual([]);
  });

  it("because its port is taken is not started, and the other server is not called (failure mode 23)", async () => {
    let asked = 0;
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(String(++asked)) });
    onTestFinished(() => other.stop(true));
    const port = other.port!;
    const { runtime, vllm } = managed({}, { port });
    expect(await errorOf(() => runtime.wake(never))).toMatchObject({
      ...{ code: "unavailable", message: `port ${port} is taken by another program` },
    });
    expect([vllm.starts(), asked]).toEqual([[], 0]);
    await other.stop(true);
    await runtime.wake(never);
    expect(runtime.url).toBe(`http://127.0.0.1:${port}`);
  });
});
