import { describe, expect, it, onTestFinished } from "vitest";
import type { ManagedConfig } from "../../../../src/agent/core/config.ts";
import type { Runtime } from "../../../../src/agent/core/provider.ts";
import { createIdleTimer } from "../../../../src/agent/runtimes/vllm/idle.ts";
import { createManagedVllm } from "../../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { createOutbound, HttpFailure, type Outbound } from "../../../../src/net/outbound.ts";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { memoryLog } from "../../../support/agent/memory-log.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type Behaviour, fakeVllm, vllmConfig, vllmDeps } from "../../../support/vllm/fake-vllm.ts";

const never = new AbortController().signal;
const minute = 60_000;

/** Returns a vLLM that sleeps after 5 minutes and stops after 5 more. */
function sleepy(
  behaviour: Behaviour = {},
  config: Partial<ManagedConfig> = {},
  send: Outbound = createOutbound(),
) {
  const time = new FakeClock();
  const vllm = fakeVllm(behaviour);
  const log = memoryLog();
  const runtime = createManagedVllm(
    vllmConfig({
      ...{ command: vllm.command, idleTimeoutMinutes: 5, extraArgs: ["--enable-sleep-mode"] },
      ...config,
    }),
    vllmDeps(temporaryFolder(), { time, log, send, timeouts: { poll: 10, watch: 15, grace: 20_000 } }),
  );
  onTestFinished(() => runtime.close());
  const did = () => vllm.events().filter((event) => !/^(health|engine|one token)$/.test(event));
  return { runtime, vllm, time, log, did };
}

/** Returns when the detail of its report begins like this. */
async function told(runtime: Runtime, detail: string | null): Promise<void> {
  const holds = () => {
    const now = runtime.describe().detail;
    return detail === null ? now === null : now?.startsWith(detail) === true;
  };
  while (!holds()) await Bun.sleep(2);
}

async function gone(runtime: Runtime): Promise<void> {
  while (runtime.describe().pid !== undefined) await Bun.sleep(2);
}

describe("the idle timer", () => {
  const climbed = (minutes: number | undefined) => {
    const time = new FakeClock();
    const due: string[] = [];
    const ladder = createIdleTimer(minutes, time, (rung) => due.push(`${rung} ${time.elapsed() / minute}`));
    return { time, due, ladder };
  };

  it("counts from the end of the last call, and stands still during a call (failure modes 16, 17)", () => {
    const { time, due, ladder } = climbed(5);
    ladder.at("ready");
    time.move(4 * minute);
    const first = ladder.enter();
    const second = ladder.enter();
    time.move(600 * minute);
    first();
    first();
    time.move(600 * minute);
    expect([due, time.waits]).toEqual([[], []]);
    second();
    time.move(5 * minute - 1);
    expect(due).toEqual([]);
    time.move(1);
    expect(due).toEqual(["ready 1209"]);
  });

  it("ends a sleep after the same time again, but after an hour at most", () => {
    const { time, due, ladder } = climbed(90);
    ladder.at("ready");
    time.move(90 * minute);
    ladder.at("asleep");
    time.move(60 * minute);
    expect(due).toEqual(["ready 90", "asleep 150"]);
  });

  it("starts again when a call is about to come, and stands still in other states", () => {
    const { time, due, ladder } = climbed(5);
    ladder.at("ready");
    time.move(4 * minute);
    ladder.touch();
    time.move(4 * minute);
    ladder.at(undefined);
    time.move(60 * minute);
    expect(due).toEqual([]);
  });

  it("does not fire at once when the time is longer than a timer can be", () => {
    const waits: number[] = [];
    const after = (milliseconds: number) => {
      waits.push(milliseconds);
      return () => {};
    };
    const time = Object.assign(new FakeClock(), { after });
    createIdleTimer(100_000, time, () => {}).at("ready");
    expect(waits).toEqual([2 ** 31 - 1]);
  });

  it("never fires when no time is set", () => {
    const { time, ladder } = climbed(undefined);
    ladder.at("ready");
    expect(time.waits).toEqual([]);
  });
});

describe("an idle vLLM", () => {
  it("sleeps, wakes for the next call in the same process, sleeps again and is stopped", async () => {
    const { runtime, vllm, time, did } = sleepy();
    await runtime.wake(never);
    time.move(5 * minute);
    expect(runtime.state).toBe("hibernating");
    await told(runtime, "asleep");
    expect(runtime.describe()).toMatchObject({ state: "hibernating", resident: false });
    await runtime.wake(never);
    expect(runtime.describe()).toMatchObject({ state: "active", resident: true });
    time.move(5 * minute);
    await told(runtime, "asleep");
    time.move(5 * minute);
    await gone(runtime);
    expect(did()).toEqual(["start", "sleep", "wake up", "sleep", "term", "left"]);
    expect(vllm.left()).toEqual([]);
  });

  it("is stopped at once without sleep mode, and has no routes for it", async () => {
    const { runtime, vllm, time, did } = sleepy({}, { extraArgs: [] });
    await runtime.wake(never);
    expect(vllm.starts()[0]!.env).not.toHaveProperty("VLLM_SERVER_DEV_MODE");
    time.move(5 * minute);
    await gone(runtime);
    expect(did()).toEqual(["start", "term", "left"]);
  });

  it("runs on when no time is set", async () => {
    const { runtime, time, vllm } = sleepy({}, { idleTimeoutMinutes: undefined });
    await runtime.wake(never);
    time.move(10_000 * minute);
    expect(runtime.state).toBe("active");
    expect(vllm.left()).toHaveLength(2);
  });

  it("that is falling asleep wakes again for a call that comes then (failure mode 15)", async () => {
    const { runtime, vllm, time, did } = sleepy({ sleepHangs: true });
    await runtime.wake(never);
    time.move(5 * minute);
    await vllm.until("sleep");
    const waiting = runtime.wake(never);
    expect(runtime.state).toBe("waking");
    vllm.behave({});
    await waiting;
    expect(runtime.state).toBe("active");
    expect(did()).toEqual(["start", "sleep", "wake up"]);
  });

  it("that is being stopped starts again for a call that comes then (failure mode 15)", async () => {
    const { runtime, vllm, time, did } = sleepy({}, { extraArgs: [] });
    await runtime.wake(never);
    time.move(5 * minute);
    expect(runtime.describe().detail).toMatch(/^stopping/);
    await Promise.all([runtime.wake(never), runtime.wake(never)]);
    expect(runtime.state).toBe("active");
    expect(did()).toEqual(["start", "term", "left", "start"]);
    expect(vllm.left()).toHaveLength(2);
  });

  it("that cannot sleep is stopped instead, and one that cannot wake is started again", async () => {
    const { runtime, vllm, time, did, log } = sleepy({ sleepFails: true });
    await runtime.wake(never);
    time.move(5 * minute);
    await gone(runtime);
    vllm.behave({ wakeFails: true });
    await runtime.wake(never);
    time.move(5 * minute);
    await told(runtime, "asleep");
    await runtime.wake(never);
    expect(runtime.state).toBe("active");
    expect(did()).toEqual([
      "start",
      "sleep",
      "term",
      "left",
      "start",
      "sleep",
      "wake up",
      "term",
      "left",
      "start",
    ]);
    expect(log.lines.join("\n")).toContain("it cannot sleep, and is stopped instead");
    expect(log.lines.join("\n")).toContain("it cannot wake up, and is started again");
  });

  it("that dies asleep is noticed, and started again for the next call", async () => {
    const { runtime, vllm, time } = sleepy();
    await runtime.wake(never);
    time.move(5 * minute);
    await told(runtime, "asleep");
    process.kill(vllm.starts()[0]!.pid, "SIGKILL");
    await told(runtime, "vLLM ended with signal SIGKILL");
    expect(vllm.left()).toEqual([]);
    await runtime.wake(never);
    expect(vllm.starts()).toHaveLength(2);
  });

  it("is not one that works on a long prompt, which no timer and no failed health check ends (failure modes 16, 17, 37)", async () => {
    const send = createOutbound();
    let unanswered = 0;
    let isBusy = false;
    const { runtime, vllm, time, did } = sleepy({}, {}, (url, options) => {
      if (url.pathname !== "/health" || !isBusy) return send(url, options);
      unanswered++;
      return Promise.reject(new HttpFailure("timeout", "no answer"));
    });
    await runtime.wake(never);
    isBusy = true;
    vllm.behave({ prefillMs: 200 });
    const leave = runtime.enter();
    const answer = fetch(`${runtime.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ stream: true }),
    });
    await vllm.until("call");
    time.move(600 * minute);
    expect(await (await answer).text()).toContain("[DONE]");
    expect(unanswered).toBeGreaterThan(2);
    expect(runtime.state).toBe("active");
    leave();
    expect(did()).toEqual(["start", "call"]);
    time.move(5 * minute);
    await told(runtime, "asleep");
  });
});
