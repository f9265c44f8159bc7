import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { WakeRecipe } from "../../../src/agent/core/config.ts";
import { eventually, FakeClock } from "../../support/agent/fake-clock.ts";
import { patient, testRuntime } from "../../support/agent/test-runtime.ts";
import { errorOf } from "../../support/error-of.ts";
import { behindDoor, vllm } from "../../support/local-runtimes.ts";

const command = (program: string, args: string[], maxWaitSeconds = 60): WakeRecipe => ({
  type: "command",
  command: program,
  args,
  maxWaitSeconds,
});
const shell = (script: string, maxWaitSeconds?: number) => command("/bin/sh", ["-c", script], maxWaitSeconds);

/** True if a process runs; a zombie does not. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function pidIn(path: string): Promise<number> {
  const read = () => {
    try {
      return Number(readFileSync(path, "utf8"));
    } catch {
      return 0;
    }
  };
  await eventually(() => read() > 0, `a pid in ${path}`);
  return read();
}

describe("a server that is woken by a command", () => {
  it("is ready when it responds, also while the command still runs, because that may be the server", async () => {
    const door = behindDoor(vllm("qwen"));
    const { runtime, cwd } = await testRuntime({
      url: door.url,
      wake: shell("echo $$ > pid; exec sleep 100"),
    });
    const waking = runtime.wake(patient);
    const pid = await pidIn(join(cwd, "pid"));
    door.open();
    await waking;
    expect(runtime.state).toBe("active");
    expect(lives(pid)).toBe(true);
    await runtime.close();
    await eventually(() => !lives(pid));
  });

  it("fails at the limit, and every process of the command is ended, with SIGKILL if needed (failure mode 7)", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const script =
      "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; sleep 100' & echo $$ > pid; wait; sleep 100";
    const { runtime, cwd } = await testRuntime({ url, wake: shell(script, 20) });
    const failed = errorOf(runtime.wake(patient));
    const [pid, child] = [await pidIn(join(cwd, "pid")), await pidIn(join(cwd, "child"))];
    expect((await failed).message).toBe(
      "the model could not be woken: it was not ready after 20 s: it does not respond: the connection was refused",
    );
    await eventually(() => !lives(pid) && !lives(child));
  });

  it("fails at once when the command fails, whose output goes to the agent's log only (failure mode 8)", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const script = "echo starting; printf 'no \\033[31mGPU at /secret/path\\n' >&2; exit 3";
    const { runtime, log } = await testRuntime({ url, wake: shell(script) });
    const { message, retryAfter } = await errorOf(runtime.wake(patient));
    expect(message).toBe("the model could not be woken: the wake command ended with exit code 3");
    expect(retryAfter).toBe(30);
    await eventually(() => log.lines.some((line) => line.includes("/secret/path")));
    expect(log.lines).toContain("info: local: starting");
    expect(log.lines.join("")).not.toContain("\u001b");
    expect(JSON.stringify(runtime.describe())).not.toContain("secret");
  });

  it("fails when the command succeeds and the server never responds (failure mode 9)", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const time = new FakeClock();
    const { runtime, cwd } = await testRuntime({
      url,
      wake: shell("sleep 100 & echo $! > child; exit 0", 20),
      time,
    });
    const failed = errorOf(runtime.wake(patient));
    const child = await pidIn(join(cwd, "child"));
    expect(lives(child)).toBe(true);
    await time.until(() => runtime.state === "hibernating", 500);
    expect((await failed).message).toMatch(
      /it was not ready after 20 s: it does not respond: the connection was refused$/,
    );
    await eventually(() => !lives(child));
  });

  it("keeps the background processes of a command that has succeeded", async () => {
    const door = behindDoor(vllm("qwen"));
    const { runtime, cwd } = await testRuntime({ url: door.url, wake: shell("sleep 100 & echo $! > child") });
    const waking = runtime.wake(patient);
    const child = await pidIn(join(cwd, "child"));
    onTestFinished(() => void process.kill(child));
    door.open();
    await waking;
    await runtime.close();
    expect(lives(child)).toBe(true);
  });

  it("fails without the path when the command cannot be run", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const { runtime, log } = await testRuntime({ url, wake: command("/nowhere/wake-it", []) });
    expect((await errorOf(runtime.wake(patient))).message).toBe(
      "the model could not be woken: the wake command cannot be run",
    );
    expect(log.lines.join("\n")).toContain("/nowhere/wake-it");
  });

  it("passes the arguments unchanged, without a shell, and never the model's name (failure mode 72)", async () => {
    const door = behindDoor(vllm("x; touch owned"));
    const args = ["$(touch owned)", "; touch owned", "{model}", "$MODEL", "a b"];
    const print = 'require("fs").writeFileSync("seen", JSON.stringify([process.argv.slice(1), process.env]))';
    const { runtime, cwd } = await testRuntime({
      url: door.url,
      model: "x; touch owned",
      wake: command(process.execPath, ["-e", print, ...args]),
      env: {
        MCPCTL_TOKEN: "mcpctl_pat_secret",
        MCPCTL_MASTER_KEY: "k",
        BUN_BE_BUN: "1",
        CUDA_VISIBLE_DEVICES: "0",
      },
    });
    const waking = runtime.wake(patient);
    const seen = () => {
      try {
        return JSON.parse(readFileSync(join(cwd, "seen"), "utf8"));
      } catch {
        return undefined;
      }
    };
    await eventually(() => seen() !== undefined, "what the command saw");
    door.open();
    await waking;
    const [seenArgs, env] = seen();
    expect(seenArgs).toEqual(args);
    expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: "0" });
    expect(JSON.stringify(env)).not.toMatch(/MCPCTL|touch owned/);
    expect([...new Bun.Glob("owned").scanSync(cwd)]).toEqual([]);
  });

  it("gives the command an empty stdin", async () => {
    const door = behindDoor(vllm("qwen"));
    const { runtime, cwd } = await testRuntime({ url: door.url, wake: shell("cat > read; echo 1 > done") });
    const waking = runtime.wake(patient);
    await pidIn(join(cwd, "done"));
    expect(readFileSync(join(cwd, "read"), "utf8")).toBe("");
    door.open();
    await waking;
  });

  it("ends a running wake when the agent stops", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const { runtime, cwd } = await testRuntime({ url, wake: shell("echo $$ > pid; exec sleep 100") });
    const failed = errorOf(runtime.wake(patient));
    const pid = await pidIn(join(cwd, "pid"));
    await runtime.close();
    expect((await failed).message).toMatch(/the agent is about to stop$/);
    expect(lives(pid)).toBe(false);
  });
});
