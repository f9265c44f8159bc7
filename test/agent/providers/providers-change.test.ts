import { describe, expect, it } from "vitest";
import type { ProviderConfig } from "../../../src/agent/core/config.ts";
import { eventually, turn } from "../../support/agent/fake-clock.ts";
import {
  body,
  patient,
  providerConfig,
  recordingRuntime,
  testProviders,
} from "../../support/agent/test-providers.ts";
import { vllm } from "../../support/local-runtimes.ts";
import { isAlive } from "../../support/processes/processes.ts";
import { chunk, lastChunk, streamHead } from "../../support/upstream.ts";
import { fakeVllm, vllmConfig } from "../../support/vllm/fake-vllm.ts";

describe("a changed config", () => {
  it("leaves unchanged providers and their calls alone", async () => {
    const server = vllm("qwen", "other");
    let finish = () => {};
    server.onCall = (_, connection) => {
      connection.write(streamHead);
      finish = () => connection.write(chunk("data: [DONE]\n\n") + lastChunk);
    };
    const config = providerConfig(server);
    const { providers, changes } = await testProviders([config]);
    const kept = providers.named("local");
    const answer = await kept!.call("chat", body, patient);
    await providers.apply({
      providers: [config, providerConfig(server, { name: "new", model: "other" })],
      agents: [{ name: "r", llm: "local", publish: true }],
    });
    expect(providers.named("local")).toBe(kept);
    expect(providers.named("new")!.runtime.state).toBe("active");
    expect(providers.personas.map(({ name }) => name)).toEqual(["r"]);
    expect(changes.filter((change) => change === "published")).toHaveLength(2);
    finish();
    expect(await answer.text(1000)).toBe("data: [DONE]\n\n");
  });

  it("keeps the server of a provider when only its published fields change", async () => {
    const done: string[] = [];
    const managed = (config: ProviderConfig) => recordingRuntime(`http://${config.model}`, done);
    const own = providerConfig(
      { url: "" },
      { type: "vllm-managed", managed: { extraArgs: [], warmupSeconds: 1, warmup: false } },
    );
    const { providers } = await testProviders([own], { managed });
    await providers.apply({ providers: [{ ...own, publishName: "mine", poolName: "p" }], agents: [] });
    expect(providers.published("mine")!.published()).toMatchObject({ name: "mine", poolName: "p" });
    expect(done).toEqual(["start http://qwen"]);
    await providers.apply({ providers: [{ ...own, model: "bigger" }], agents: [] });
    expect(done).toEqual(["start http://qwen", "close http://qwen", "start http://bigger"]);
    await providers.apply({ providers: [], agents: [] });
    expect(providers.all).toEqual([]);
    expect(done.at(-1)).toBe("close http://bigger");
  });

  it("lets a removed provider finish its calls, and starts its successor after that", async () => {
    const server = vllm("qwen");
    let finish = () => {};
    server.onCall = (_, connection) => {
      connection.write(streamHead);
      finish = () => connection.write(chunk("data: [DONE]\n\n") + lastChunk);
    };
    const done: string[] = [];
    const own = providerConfig({ url: "" }, { type: "vllm-managed" });
    const { providers } = await testProviders([own], { managed: () => recordingRuntime(server.url, done) });
    const answer = await providers.named("local")!.call("chat", body, patient);
    await providers.apply({ providers: [{ ...own, model: "bigger" }], agents: [] });
    expect(done).toEqual([`start ${server.url}`]);
    finish();
    expect(await answer.text(1000)).toBe("data: [DONE]\n\n");
    await eventually(() => done.length === 3);
    expect(done).toEqual([`start ${server.url}`, `close ${server.url}`, `start ${server.url}`]);
  });

  it("does not take the vLLM of a removed provider for a left-over, when a call comes first", async () => {
    const vllm = fakeVllm({ prefillMs: 400 });
    const own = vllmConfig({ command: vllm.command });
    const { providers } = await testProviders([own]);
    const before = providers.named(own.name)!;
    await before.runtime.wake(patient);
    const asked = JSON.stringify({ model: own.model, messages: [] });
    const answer = before.call("chat", asked, patient);
    await vllm.until("call");
    await providers.apply({
      providers: [{ ...own, managed: { ...own.managed!, idleTimeoutMinutes: 5 } }],
      agents: [],
    });
    const woken = providers.named(own.name)!.runtime.wake(patient);
    expect((await answer).status).toBe(200);
    await (await answer).text(100_000);
    await woken;
    expect(vllm.starts()).toHaveLength(2);
    const events = vllm.events();
    expect(events.indexOf("call")).toBeLessThan(events.indexOf("term"));
    expect(isAlive(vllm.starts()[1]!.pid)).toBe(true);
    expect(providers.named(own.name)!.runtime.state).toBe("active");
  });

  it("starts nothing after the agent has stopped", async () => {
    const server = vllm("qwen");
    server.onCall = (_, connection) => connection.write(streamHead);
    const done: string[] = [];
    const own = providerConfig({ url: "" }, { type: "vllm-managed" });
    const { providers } = await testProviders([own], { managed: () => recordingRuntime(server.url, done) });
    const aborted = new AbortController();
    await providers.named("local")!.call("chat", body, aborted.signal);
    await providers.apply({ providers: [{ ...own, model: "bigger" }], agents: [] });
    await providers.close();
    aborted.abort();
    await turn();
    await providers.apply({ providers: [{ ...own, model: "biggest" }], agents: [] });
    expect(done).toEqual([`start ${server.url}`, `close ${server.url}`, `close ${server.url}`]);
  });

  it("ends all providers with the agent, also removed ones that still have calls", async () => {
    const server = vllm("qwen");
    server.onCall = (_, connection) => connection.write(streamHead);
    const done: string[] = [];
    const { providers } = await testProviders([providerConfig({ url: "" }, { type: "vllm-managed" })], {
      managed: () => recordingRuntime(server.url, done),
    });
    await providers.named("local")!.call("chat", body, patient);
    await providers.apply({ providers: [], agents: [] });
    expect(done).toEqual([`start ${server.url}`]);
    await providers.close();
    expect(done).toEqual([`start ${server.url}`, `close ${server.url}`]);
  });
});
