import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  extraArgsFaults,
  findExecutable,
  hasSleepMode,
  vllmArguments,
} from "../../../../src/agent/runtimes/vllm/command.ts";
import { vllmEnvironment } from "../../../../src/agent/runtimes/vllm/environment.ts";
import { createManagedVllm } from "../../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { knownReason, StartProgress } from "../../../../src/agent/runtimes/vllm/phases.ts";
import { errorOf } from "../../../support/error-of.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { vllmConfig, vllmDeps } from "../../../support/vllm/fake-vllm.ts";

describe("the arguments of vllm serve", () => {
  it("are the model, the extra ones, and last those of the agent: loopback address, port, name", () => {
    const config = vllmConfig({ extraArgs: ["--max-model-len", "8192", "; rm -rf /"] }, "Qwen/Qwen2.5-7B");
    expect(vllmArguments(config, 8123)).toEqual([
      ...["serve", "Qwen/Qwen2.5-7B", "--max-model-len", "8192", "; rm -rf /"],
      ...["--host", "127.0.0.1", "--port", "8123", "--served-model-name", "Qwen/Qwen2.5-7B"],
    ]);
  });

  it.each([
    ["--host", "--host"],
    ["--host=0.0.0.0", "--host"],
    ["--hos", "--host"],
    ["--port=1", "--port"],
    ["--po", "--port"],
    ["--served-model-name", "--served-model-name"],
    ["--served_model_name=x", "--served-model-name"],
    ["--api_key=x", "--api-key"],
    ["--uds", "--uds"],
  ])("may not contain %s among the extra ones, also abbreviated or with underscores", (arg, named) => {
    const faults = extraArgsFaults(["--dtype", "auto", arg], "/llm/providers/0/extraArgs");
    expect(faults).toEqual([
      {
        path: "/llm/providers/0/extraArgs/2",
        message: expect.stringContaining(`${named} can be set by the agent only`),
      },
    ]);
  });

  it("may contain anything else, and values that look like options", () => {
    const fine = [
      "--enable-sleep-mode",
      "--max-model-len=8192",
      "-tp",
      "2",
      "--ho",
      "host",
      "--api-server-count",
    ];
    expect(
      extraArgsFaults(
        fine.filter((arg) => arg !== "--ho"),
        "",
      ),
    ).toEqual([]);
    expect(extraArgsFaults(["--"], "")).toHaveLength(1);
    expect(extraArgsFaults(["a\0b"], "")).toHaveLength(1);
  });

  it("are refused at the creation of the runtime, like a model name that is an option", async () => {
    const deps = vllmDeps("/nowhere");
    const one = await errorOf(() => createManagedVllm(vllmConfig({ extraArgs: ["--port=1"] }), deps));
    expect(one).toMatchObject({ code: "invalid_request", details: [{ path: "/extraArgs/0" }] });
    const other = await errorOf(() => createManagedVllm(vllmConfig({}, "--trust-remote-code"), deps));
    expect(other).toMatchObject({ code: "invalid_request", details: [{ path: "/model" }] });
  });

  it("switch sleep mode on only when it is given last", () => {
    expect(hasSleepMode([])).toBe(false);
    expect(hasSleepMode(["--enable-sleep-mode"])).toBe(true);
    expect(hasSleepMode(["--enable_sleep_mode"])).toBe(true);
    expect(hasSleepMode(["--enable-sleep-mode", "--no-enable-sleep-mode"])).toBe(false);
  });
});

describe("the program of vLLM", () => {
  it("is the command, or bin/vllm of the virtual environment, or vllm on the PATH", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "venv/bin"), { recursive: true });
    for (const name of ["venv/bin/vllm", "vllm", "other"]) {
      writeFileSync(join(folder, name), "#!/bin/sh\n");
      chmodSync(join(folder, name), 0o755);
    }
    const env = { PATH: folder, HOME: folder };
    const found = (managed: object) => findExecutable(vllmConfig(managed), env);
    expect(found({})).toBe(join(folder, "vllm"));
    expect(found({ venvPath: join(folder, "venv") })).toBe(join(folder, "venv/bin/vllm"));
    expect(found({ venvPath: join(folder, "venv"), command: "other" })).toBe(join(folder, "other"));
  });

  it("is named in the error when it is missing or cannot be run (failure mode 22)", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "plain"), "no program");
    const found = (managed: object) => () => findExecutable(vllmConfig(managed), { PATH: folder });
    expect(found({})).toThrow("there is no vllm command on the PATH");
    expect(found({ venvPath: folder })).toThrow(`there is no ${folder}/bin/vllm`);
    expect(found({ command: join(folder, "plain") })).toThrow(`${folder}/plain cannot be run`);
  });
});

describe("the environment of vLLM", () => {
  const env = {
    ...{
      PATH: "/usr/bin",
      HOME: "/home/a",
      HF_TOKEN: "hf",
      CUDA_VISIBLE_DEVICES: "1",
      LD_LIBRARY_PATH: "/l",
    },
    ...{ XDG_CACHE_HOME: "/c", VLLM_USE_V1: "1", NVIDIA_X: "n", https_proxy: "http://p", LC_ALL: "C" },
    ...{ MCPCTL_TOKEN: "t", MCPCTL_SERVER: "s", OPENAI_API_KEY: "k", AWS_SECRET_ACCESS_KEY: "a" },
    ...{ VLLM_API_KEY: "v", SSH_AUTH_SOCK: "/s", NODE_OPTIONS: "--x", NOTHING: undefined },
  };

  it("contains the variables for models and GPUs, and no token of the agent or of another program (T30)", () => {
    const given = vllmEnvironment(env, { executable: "/venv/bin/vllm", sleepMode: false });
    expect(given).toEqual({
      ...{ PATH: "/venv/bin:/usr/bin", HOME: "/home/a", HF_TOKEN: "hf", CUDA_VISIBLE_DEVICES: "1" },
      ...{
        LD_LIBRARY_PATH: "/l",
        XDG_CACHE_HOME: "/c",
        VLLM_USE_V1: "1",
        NVIDIA_X: "n",
        https_proxy: "http://p",
      },
      ...{ LC_ALL: "C", SPT_NOENV: "1" },
    });
  });

  it("opens the routes for sleep and wake only with sleep mode", () => {
    const given = vllmEnvironment(env, { executable: "/bin/vllm", sleepMode: true });
    expect(given["VLLM_SERVER_DEV_MODE"]).toBe("1");
  });
});

describe("the output of vLLM", () => {
  it("shows the phases of a start, which never go back", () => {
    const progress = new StartProgress();
    const phases = [
      "INFO [api_server.py] vLLM API server version 0.33.0",
      "(EngineCore pid=2) INFO [core.py:77] Initializing a V1 LLM engine (v0.33.0) with config: …",
      "Loading safetensors checkpoint shards:  50% Completed | 2/4",
      "INFO [default_loader.py:268] Loading weights took 12.31 seconds",
      "INFO [gpu_model_runner.py] Starting to load model drafter",
      "INFO [monitor.py:34] torch.compile takes 15.02 s in total",
      "Capturing CUDA graphs (decode, FULL):  50%|",
      "INFO [gpu_model_runner.py] Graph capturing finished in 8 secs, took 0.31 GiB",
      "INFO:     Application startup complete.",
    ].map((line) => {
      progress.read(line);
      return progress.phase;
    });
    expect(phases).toEqual([
      ...["starting", "loading weights", "loading weights", "compiling", "compiling"],
      ...["allocating memory", "capturing graphs", "opening its port", "first request"],
    ]);
  });

  it.each([
    ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "out of GPU memory"],
    [
      "ValueError: Free memory on device (3/15 GiB) on startup is less than desired GPU memory utilization",
      "out of GPU memory",
    ],
    [
      "OSError: acme/none is not a local folder and is not a valid model identifier listed on",
      "the model is not there",
    ],
    ["huggingface_hub.errors.GatedRepoError: 403 Client Error.", "access to the model is refused"],
    ["RuntimeError: No CUDA GPUs are available", "there is no GPU"],
    ["OSError: [Errno 98] Address already in use", "its port is taken"],
    ["vllm: error: unrecognized arguments: --max-modle-len", "it does not take one of its extra arguments"],
    ["Segmentation fault", undefined],
  ])("shows why it has ended: %s", (line, reason) => {
    expect(knownReason(["INFO something", line, "RuntimeError: Engine core initialization failed."])).toBe(
      reason,
    );
  });
});
