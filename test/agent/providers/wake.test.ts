import { describe, expect, it } from "vitest";
import type { WakeRecipe } from "../../../src/agent/core/config.ts";
import { eventually, FakeClock } from "../../support/agent/fake-clock.ts";
import { patient, testRuntime } from "../../support/agent/test-runtime.ts";
import { errorOf } from "../../support/error-of.ts";
import { behindDoor, llamaCpp, lmStudio, vllm } from "../../support/local-runtimes.ts";
import { reply, type Script, upstream } from "../../support/upstream.ts";

/** A place that is called to wake something. */
function bell(script: Script = (_, connection) => connection.write(reply(200, {}))) {
  return upstream(script);
}

/** The limit is long, because a test's time runs ahead of its sockets. */
const ring = (url: string, maxWaitSeconds = 3600): WakeRecipe => ({
  type: "http",
  url: `${url}/wake?now=1`,
  method: "POST",
  headers: { "x-key": "k" },
  body: '{"model":"qwen"}',
  maxWaitSeconds,
});
describe("a server that is woken by a call", () => {
  it("is hibernating until somebody asks, and then is called once for fifty who wait (failure mode 11)", async () => {
    const server = vllm("qwen");
    const door = behindDoor(server);
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({ url: door.url, wake: ring(called.url), time });
    expect(runtime.state).toBe("hibernating");
    expect(called.seen).toEqual([]);

    let woken = 0;
    const waiting = Array.from({ length: 50 }, () => runtime.wake(patient).then(() => woken++));
    await time.until(() => called.seen.length === 1);
    expect(runtime.state).toBe("waking");
    expect(runtime.describe().detail).toMatch(/^for \d+ s$/);
    // Others ask while it is under way.
    waiting.push(runtime.wake(patient).then(() => woken++));
    door.open();
    await time.until(() => woken === 51);
    await Promise.all(waiting);
    expect(runtime.state).toBe("active");
    expect(called.seen).toHaveLength(1);
    expect(called.seen[0]).toMatchObject({ method: "POST", path: "/wake?now=1", text: '{"model":"qwen"}' });
    expect(called.seen[0]!.headers["x-key"]).toBe("k");
  });

  it("is asked every 1.5 s whether it is ready, and is not woken when it answers already", async () => {
    const server = vllm("qwen");
    const called = bell();
    const time = new FakeClock();
    const { runtime } = await testRuntime({ url: server.url, wake: ring(called.url), time });
    server.isDown = true;
    await time.until(() => runtime.state === "hibernating", 1000);
    server.isDown = false;
    await runtime.wake(patient);
    expect(called.seen).toEqual([]);

    server.isDown = true;
    await time.until(() => runtime.state === "hibernating", 1000);
    const waking = runtime.wake(patient);
    await eventually(() => called.seen.length === 1);
    await eventually(() => time.waits.includes(1_500));
    server.isDown = false;
    await time.advance(1_500);
    await waking;
  });

  it("is not ready with another model than the one that is meant (failure mode 10)", async () => {
    const server = lmStudio("other-model");
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({
      url: server.url,
      type: "openai",
      wake: ring(called.url, 10),
      time,
    });
    expect(runtime.state).toBe("hibernating");
    const failed = errorOf(runtime.wake(patient));
    await eventually(() => called.seen.length === 1);
    await time.until(() => runtime.describe().detail?.startsWith("the last"), 500);
    const { code, message, retryAfter } = await failed;
    expect({ code, message, retryAfter }).toEqual({
      code: "unavailable",
      message:
        "the model could not be woken: it was not ready after 10 s: its list of models does not name this one",
      retryAfter: 30,
    });
    expect(server.seen.filter(({ method }) => method === "POST")).toEqual([]);
  });

  it("is left alone for 30 s after a failure: whoever asks is told at once, and nothing is called (failure mode 8)", async () => {
    const server = vllm("qwen");
    const door = behindDoor(server);
    const time = new FakeClock();
    let status = 500;
    const called = bell((_, connection) => connection.write(reply(status, { secret: "http://10.0.0.7" })));
    const { runtime } = await testRuntime({ url: door.url, wake: ring(called.url), time });
    const first = await errorOf(runtime.wake(patient));
    expect(first).toMatchObject({
      code: "unavailable",
      message: "the model could not be woken: the response to the wake call has status 500",
      retryAfter: 30,
    });
    await time.advance(20_000);
    const second = await errorOf(runtime.wake(patient));
    expect(second).toMatchObject({ message: first.message, retryAfter: 10 });
    expect(called.seen).toHaveLength(1);

    await time.advance(10_000);
    status = 200;
    door.open();
    await time.until(() => runtime.state === "active", 1000);
    door.shut();
    await time.until(() => runtime.state === "hibernating", 1000);
    const waking = runtime.wake(patient);
    await eventually(() => called.seen.length === 2);
    door.open();
    await time.until(() => runtime.state === "active", 500);
    await waking;
  });

  it("follows no redirect, and takes a call that is not answered for a failure", async () => {
    const url = behindDoor(vllm("qwen")).url;
    const elsewhere = bell();
    const moved = bell((_, connection) => connection.write(reply(302, "", { location: elsewhere.url })));
    const one = await testRuntime({ url, wake: ring(moved.url) });
    expect((await errorOf(one.runtime.wake(patient))).message).toMatch(
      /the response to the wake call has status 302$/,
    );
    expect(elsewhere.seen).toEqual([]);
    const reset = bell((_, connection) => connection.reset());
    const two = await testRuntime({ url, wake: ring(reset.url) });
    expect((await errorOf(two.runtime.wake(patient))).message).toMatch(
      /there was no response to the wake call$/,
    );
  });

  it("goes on when the first to wait gives up, and the others are served (failure mode 12)", async () => {
    const door = behindDoor(vllm("qwen"));
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({ url: door.url, wake: ring(called.url), time });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = errorOf(runtime.wake(first.signal));
    await eventually(() => called.seen.length === 1);
    const other = runtime.wake(second.signal);
    first.abort();
    expect((await one).code).toBe("client_closed_request");
    door.open();
    await time.until(() => runtime.state === "active", 500);
    await other;
    expect(called.seen).toHaveLength(1);
  });

  it("goes on when nobody is left to wait (failure mode 13)", async () => {
    const door = behindDoor(vllm("qwen"));
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({ url: door.url, wake: ring(called.url), time });
    const only = new AbortController();
    const one = errorOf(runtime.wake(only.signal));
    await eventually(() => called.seen.length === 1);
    only.abort();
    await one;
    expect(runtime.state).toBe("waking");
    door.open();
    await time.until(() => runtime.state === "active", 500);
    expect(called.seen).toHaveLength(1);
  });

  it("is woken anew when it is just being unloaded, instead of being taken for ready (failure mode 15)", async () => {
    const server = llamaCpp({}, "qwen");
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({ url: server.url, type: "openai", wake: ring(called.url), time });
    expect(runtime.state).toBe("active");
    // It still answers, and what it was running is going.
    server.health = 503;
    let isReady = false;
    const waking = runtime.wake(patient).then(() => {
      isReady = true;
    });
    await eventually(() => called.seen.length === 1);
    await time.advance(3_000);
    expect(isReady).toBe(false);
    server.health = 200;
    await time.until(() => isReady, 500);
    await waking;
  });
});
