import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WakeRecipe } from "../../../src/agent/core/config.ts";
import { isPublicProvider } from "../../../src/agent/providers/health-probe.ts";
import type { HttpFailure } from "../../../src/net/outbound.ts";
import { eventually } from "../../support/agent/fake-clock.ts";
import {
  body,
  patient,
  providerConfig,
  recordingRuntime,
  testProviders,
} from "../../support/agent/test-providers.ts";
import {
  behindDoor,
  type LocalRuntime,
  liteLlm,
  llamaCpp,
  lmStudio,
  ollama,
  vllm,
} from "../../support/local-runtimes.ts";
import { chatAnswer, reply, streamHead } from "../../support/upstream.ts";

describe("a provider", () => {
  it("is registered with the fields of the config, without its address", async () => {
    const server = ollama("qwen:latest");
    const face = { tier: "fast", description: "d", poolName: "q", visibility: "public" } as const;
    const { providers } = await testProviders(
      [
        providerConfig(server, { ...face, type: "ollama", publishName: "alice-qwen", failoverFor: "gpt" }),
        providerConfig(server, { name: "hidden", publish: false }),
        providerConfig({ url: "" }, { name: "own", type: "vllm-managed" }),
      ],
      { managed: () => recordingRuntime("http://127.0.0.1:1", []) },
    );
    expect(providers.published("alice-qwen")!.published()).toEqual({
      name: "alice-qwen",
      type: "ollama",
      model: "qwen",
      ...face,
      initialStatus: "active",
    });
    expect(providers.published("own")!.published()).toMatchObject({ type: "vllm", initialStatus: "active" });
    expect(providers.published("local")).toBeUndefined();
    expect(providers.published("hidden")).toBeUndefined();
    expect(providers.named("hidden")!.config.name).toBe("hidden");
  });

  it.each([
    ["openai", "chat", "/v1/chat/completions"],
    ["openai", "responses", "/v1/responses"],
    ["ollama", "embeddings", "/v1/embeddings"],
    ["anthropic", "messages", "/v1/messages"],
    ["anthropic", "count_tokens", "/v1/messages/count_tokens"],
  ] as const)("of type %s is called for %s at the path of its adapter", async (type, operation, path) => {
    const server = vllm("qwen");
    const { providers } = await testProviders([providerConfig(server, { type })]);
    const answer = await providers.named("local")!.call(operation, body, patient);
    expect(await answer.text(10_000)).toBe(JSON.stringify(chatAnswer("hello")));
    expect(server.seen.filter(({ method }) => method === "POST")).toMatchObject([{ path, text: body }]);
  });

  it.each([
    ["openai", "messages"],
    ["openai", "count_tokens"],
    ["anthropic", "chat"],
    ["anthropic", "responses"],
    ["anthropic", "embeddings"],
  ] as const)("of type %s has no call for %s, and is not called", async (type, operation) => {
    const server = vllm("qwen");
    const { providers } = await testProviders([providerConfig(server, { type })]);
    const calling = providers.named("local")!.call(operation, body, patient);
    await expect(calling).rejects.toMatchObject({ code: "not_supported" });
    expect(server.seen.filter(({ method }) => method === "POST")).toEqual([]);
  });

  it("has its key read for each call, and is not called with a key that others can read", async () => {
    const server = vllm("qwen");
    const keys = mkdtempSync(join(tmpdir(), "mcpctl-keys-"));
    const apiKeyFile = join(keys, "key");
    writeFileSync(apiKeyFile, "first-key\n", { mode: 0o600 });
    const { providers } = await testProviders([providerConfig(server, { apiKeyFile })]);
    const call = () => providers.named("local")!.call("chat", body, patient);
    await (await call()).text(10_000);
    writeFileSync(apiKeyFile, "second-key\n");
    await (await call()).text(10_000);
    const sent = server.seen
      .filter(({ method }) => method === "POST")
      .map(({ headers }) => headers["authorization"]);
    expect(sent).toEqual(["Bearer first-key", "Bearer second-key"]);

    chmodSync(apiKeyFile, 0o644);
    const error = await call().catch((error: Error) => error);
    expect(error).toMatchObject({
      code: "secret_unavailable",
      message: "the provider's API key cannot be read",
    });
    expect(server.seen.filter(({ method }) => method === "POST")).toHaveLength(2);
  });

  it("counts its calls until each is read, failed or cancelled", async () => {
    const server = vllm("qwen");
    server.onCall = (_, connection) => connection.write(streamHead);
    const { providers } = await testProviders([providerConfig(server)]);
    const provider = providers.named("local")!;
    const inFlight = () => provider.llmState().inFlight;
    const aborted = new AbortController();
    const [read, cancelled] = [
      await provider.call("chat", body, patient),
      await provider.call("chat", body, patient),
    ];
    await provider.call("chat", body, aborted.signal);
    expect(inFlight()).toBe(3);
    cancelled.cancel();
    aborted.abort();
    expect(inFlight()).toBe(1);
    const failed = read.text(10_000).catch((error: HttpFailure) => error.kind);
    read.cancel();
    expect(await failed).toBe("cancelled");
    expect(inFlight()).toBe(0);
  });
});

describe("a server that the agent does not run", () => {
  const servers: [string, string, () => LocalRuntime, string][] = [
    ["Ollama", "ollama", () => ollama("qwen:latest"), "qwen:latest"],
    ["LM Studio", "openai", () => lmStudio("qwen"), "qwen"],
    ["a llama.cpp router", "openai", () => llamaCpp({ router: true }, "qwen"), "qwen"],
  ];

  it.each(servers)("reports whether the model is in memory: %s", async (_, type, start, loaded) => {
    const server = start();
    const { providers, time, changes } = await testProviders([providerConfig(server, { type })]);
    const { runtime } = providers.named("local")!;
    expect(runtime.describe()).toEqual({ state: "active", detail: null, resident: false });
    changes.length = 0;
    server.loaded = [loaded];
    await time.until(() => runtime.describe().resident === true, 1000);
    expect(providers.named("local")!.llmState()).toEqual({ status: "active", resident: true, inFlight: 0 });
    expect(changes).toEqual(["state"]);
  });

  it.each([
    ["vLLM", "vllm", () => vllm("qwen")],
    ["llama.cpp with one model", "openai", () => llamaCpp({}, "qwen")],
    ["LiteLLM", "openai", () => liteLlm("q*")],
  ] as const)("does not say so where it cannot be told: %s", async (_, type, start) => {
    const { providers } = await testProviders([providerConfig(start(), { type })]);
    expect(providers.named("local")!.runtime.describe()).toEqual({ state: "active", detail: null });
  });

  it("is checked only with requests that neither load nor wake anything", async () => {
    const all = [ollama("qwen"), lmStudio("qwen"), llamaCpp({ router: true }, "qwen"), vllm("qwen")];
    const { time } = await testProviders(all.map((server, at) => providerConfig(server, { name: `p${at}` })));
    const before = all.map(({ seen }) => seen.length);
    await time.until(() => all.every(({ seen }, at) => seen.length > before[at]! + 3), 1000);
    for (const { seen } of all) expect(seen.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("is inactive with a reason when its model has been removed (failure mode 74)", async () => {
    const server = ollama("qwen:latest", "other:latest");
    const { providers, time, changes } = await testProviders([providerConfig(server, { type: "ollama" })]);
    const { runtime } = providers.named("local")!;
    expect(runtime.state).toBe("active");
    changes.length = 0;
    server.models = ["other:latest"];
    await time.until(() => runtime.state === "inactive", 1000);
    expect(runtime.describe().detail).toBe("its list of models does not name this one");
    expect(changes).toEqual(["state"]);
    await expect(runtime.wake(patient)).rejects.toMatchObject({
      code: "unavailable",
      message: "the model cannot be called: its list of models does not name this one",
      retryAfter: 10,
    });
  });

  it("is inactive when it has moved to another port, also when another server has the old one (failure mode 74)", async () => {
    const server = llamaCpp({}, "qwen");
    const door = behindDoor(server);
    door.open();
    const { providers, time } = await testProviders([providerConfig(door)]);
    const { runtime } = providers.named("local")!;
    expect(runtime.state).toBe("active");
    door.shut();
    await time.until(() => runtime.state === "inactive", 1000);
    expect(runtime.describe()).toEqual({
      state: "inactive",
      detail: "it does not respond: the connection was refused",
    });

    server.models = ["somebody-elses"];
    door.open();
    await time.until(() => runtime.describe().detail === "its list of models does not name this one", 1000);
    expect(runtime.state).toBe("inactive");
    server.models = ["qwen"];
    await time.until(() => runtime.state === "active", 1000);
  });

  it("is recognised again when another kind of server has taken its port", async () => {
    const [before, after] = [ollama("qwen:latest"), lmStudio("qwen")];
    after.loaded = ["qwen"];
    const door = behindDoor(before);
    door.open();
    const { providers, time } = await testProviders([providerConfig(door)]);
    const { runtime } = providers.named("local")!;
    expect(runtime.describe()).toEqual({ state: "active", detail: null, resident: false });
    door.leadTo(after);
    await time.until(() => runtime.describe().resident === true, 1000);
    expect(runtime.state).toBe("active");
  });

  it.each([
    ["http://127.0.0.1:1", false],
    ["https://gpu.lan", false],
    ["https://10.0.0.7", false],
    ["https://openrouter.ai/api", true],
    ["https://api.openai.com", true],
  ])("is distinguished from a public provider, which is checked less often: %s", (url, isPublic) => {
    const config = providerConfig({ url });
    expect(isPublicProvider(config)).toBe(isPublic);
    const wake: WakeRecipe = { type: "command", command: "true", args: [], maxWaitSeconds: 1 };
    expect(isPublicProvider({ ...config, wake })).toBe(false);
  });

  it("stays active when it misses one check, because it may be busy (failure mode 60)", async () => {
    const server = vllm("qwen");
    const { providers, time, changes } = await testProviders([providerConfig(server)]);
    const { runtime } = providers.named("local")!;
    changes.length = 0;
    server.isDown = true;
    await time.until(() => time.waits.includes(1_000), 1000);
    expect(runtime.state).toBe("active");
    server.isDown = false;
    await time.advance(1_000);
    await eventually(() => time.waits.includes(10_000));
    expect(runtime.state).toBe("active");
    expect(changes).toEqual([]);
  });

  it("that dies while it loads a model is noticed by the failed call, before the next check (failure mode 18)", async () => {
    const server = vllm("qwen");
    server.onCall = (_, connection) => {
      server.isDown = true;
      connection.reset();
    };
    const { providers, time } = await testProviders([providerConfig(server)]);
    const provider = providers.named("local")!;
    await expect(provider.call("chat", body, patient)).rejects.toMatchObject({ kind: "closed" });
    await eventually(() => time.waits.includes(1_000));
    await time.until(() => provider.runtime.state === "inactive");
    expect(provider.llmState()).toEqual({ status: "inactive", inFlight: 0 });
  });

  it("stays active after one failed check that several failed calls have asked for", async () => {
    const server = vllm("qwen");
    server.onCall = (_, connection) => connection.reset();
    const { providers, time } = await testProviders([providerConfig(server)]);
    const provider = providers.named("local")!;
    server.health = 500;
    const calls = Array.from({ length: 5 }, () => provider.call("chat", body, patient));
    await Promise.allSettled(calls);
    await eventually(() => time.waits.includes(1_000));
    expect(provider.runtime.state).toBe("active");
    await time.until(() => provider.runtime.state === "inactive");
    expect(provider.runtime.describe().detail).toBe("it is not ready (status 500)");
  });

  it("that cannot load a model returns its own error, and stays active (failure mode 18)", async () => {
    const server = ollama("qwen:latest");
    const words = { error: { message: "model requires more system memory (8.1 GiB) than is available" } };
    server.onCall = (_, connection) => connection.write(reply(500, words));
    const { providers } = await testProviders([providerConfig(server, { type: "ollama" })]);
    const answer = await providers.named("local")!.call("chat", body, patient);
    expect([answer.status, JSON.parse(await answer.text(10_000))]).toEqual([500, words]);
    expect(providers.named("local")!.runtime.state).toBe("active");
  });

  it("cannot be stopped by the agent", async () => {
    const { providers } = await testProviders([providerConfig(vllm("qwen"))]);
    await expect(providers.named("local")!.runtime.stop()).rejects.toMatchObject({ code: "not_supported" });
  });

  it("is checked with its key, and is inactive when the key is refused", async () => {
    const keys = mkdtempSync(join(tmpdir(), "mcpctl-keys-"));
    const apiKeyFile = join(keys, "key");
    writeFileSync(apiKeyFile, "k1", { mode: 0o600 });
    const server = vllm("qwen");
    server.health = 401;
    const { providers } = await testProviders([providerConfig(server, { apiKeyFile })]);
    expect(server.seen.every(({ headers }) => headers["authorization"] === "Bearer k1")).toBe(true);
    expect(providers.named("local")!.runtime.describe()).toEqual({
      state: "inactive",
      detail: "it refuses the API key",
    });
  });
});
