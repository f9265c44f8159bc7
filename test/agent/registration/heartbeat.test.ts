import { describe, expect, it } from "vitest";
import { agentState, Heartbeat } from "../../../src/agent/registration/heartbeat.ts";
import { attachedAgent } from "../../support/agent/attached-agent.ts";
import { eventually, FakeClock } from "../../support/agent/fake-clock.ts";
import { memoryProvider, memoryProviders } from "../../support/agent/memory-providers.ts";

function beating() {
  const time = new FakeClock();
  const sent: number[] = [];
  const heartbeat = new Heartbeat({
    time,
    every: 30_000,
    state: () => ({}),
    send: () => void sent.push(time.elapsed()),
  });
  return { time, sent, heartbeat };
}

describe("the heartbeat", () => {
  it("is sent every 30 s until it is stopped", async () => {
    const { time, sent, heartbeat } = beating();
    await time.advance(90_000);
    expect(sent).toEqual([30_000, 60_000, 90_000]);
    heartbeat.stop();
    await time.advance(90_000);
    expect(sent).toHaveLength(3);
  });

  it("is sent at once after a change, once for changes at the same moment, and then every 30 s", async () => {
    const { time, sent, heartbeat } = beating();
    await time.advance(10_000);
    heartbeat.soon();
    heartbeat.soon();
    await time.advance(30_000);
    expect(sent).toEqual([10_000, 40_000]);
  });

  it("contains the known states of the published llms by their published names", () => {
    const [one, two] = [memoryProvider("one", { publishName: "one-of-me" }), memoryProvider("two")];
    const hidden = memoryProvider("hidden", { publish: false });
    two.state = "hibernating";
    expect(agentState(memoryProviders(one, two, hidden), false)).toEqual({
      llms: {
        "one-of-me": { status: "active", inFlight: 0 },
        two: { status: "hibernating", inFlight: 0 },
      },
    });
  });

  it("does not wait for a wake, a call or a check of a provider (failure mode 73)", async () => {
    const time = new FakeClock();
    const { peer, provider, providers, server } = await attachedAgent({ time });
    provider.onWake = () => new Promise(() => {});
    provider.state = "hibernating";
    peer.send({ event: "task", kind: "wake", taskId: "w1", llmName: "local" });
    await eventually(() => provider.woken === 1);
    provider.runtime.describe = () => {
      throw new Error("a heartbeat asks nobody");
    };
    const beats = () => peer.messages.filter(({ op }) => op === "heartbeat");
    const before = beats().length;
    providers.change("state");
    await time.advance(0);
    await eventually(() => beats().length === before + 1);
    expect(beats().at(-1)).toMatchObject({ state: { llms: { local: { status: "hibernating" } } } });
    for (const _ of [1, 2]) {
      const { pings } = server;
      await time.advance(15_000);
      await eventually(() => server.pings > pings);
    }
    await eventually(() => beats().length === before + 2);
  });

  it("is sent while the agent drains, and reports that (failure mode 61)", async () => {
    const time = new FakeClock();
    const { peer, call, agent, server, providers } = await attachedAgent({ time });
    const asked = await call("t1");
    const drained = agent.drain();
    await time.advance(0);
    const beats = () => peer.messages.filter((one) => one.op === "heartbeat" && one.state?.draining);
    await eventually(() => beats().length === 1);
    const { pings } = server;
    await time.advance(15_000);
    await eventually(() => server.pings > pings);
    providers.change("state");
    await time.advance(0);
    await eventually(() => beats().length === 2);
    await time.advance(14_999);
    expect(asked.signal.aborted).toBe(false);
    asked.answer().end();
    await drained;
    await eventually(() => peer.messages.at(-1)?.op === "done");
  });
});
