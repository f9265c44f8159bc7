import { describe, expect, it } from "vitest";
import type { WakeRecipe } from "../../../src/agent/core/config.ts";
import { eventually, FakeClock } from "../../support/agent/fake-clock.ts";
import { patient, testRuntime } from "../../support/agent/test-runtime.ts";
import { errorOf } from "../../support/error-of.ts";
import { behindDoor, llamaCpp, lmStudio, vllm } from "../../support/local-runtimes.ts";
import { reply, type Script, upstream } from "../../support/upstream.ts";

/** Starts a server that is called to wake another one. */
function bell(script: Script = (_, connection) => connection.write(reply(200, {}))) {
  return upstream(script);
}

/** Returns a recipe with a long limit, because the test's clock runs ahead of its sockets. */
const ring = (url: string, maxWaitSeconds = 3600): WakeRecipe => ({
  type: "http",
  url: `${url}/wake?now=1`,
  method: "POST",
  headers: { "x-key": "k" },
  body: '{"model":"qwen"}',
  maxWaitSeconds,
});
describe("a server that is woken by an HTTP call", () => {
  it("hibernates until it is called, and is woken once for fifty callers (failure mode 11)", async () => {
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
    // More callers come during the wake.
    waiting.push(runtime.wake(patient).then(() => woken++));
    door.open();
    await time.until(() => woken === 51);
    await Promise.all(waiting);
    expect(runtime.state).toBe("active");
    expect(called.seen).toHaveLength(1);
    expect(called.seen[0]).toMatchObject({ method: "POST", path: "/wake?now=1", text: '{"model":"qwen"}' });
    expect(called.seen[0]!.headers["x-key"]).toBe("k");
  });

  it("is checked every 1.5 s during a wake, and is not woken when it already responds", async () => {
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

  it("is not ready while it has another model (failure mode 10)", async () => {
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

  it("is not woken for 30 s after a failure, and callers get the error at once (failure mode 8)", async () => {
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

  it("fails on a redirect, and when there is no response to the wake call (T09)", async () => {
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
      /there was no response to the wake call(: the connection was closed without an answer)?$/,
    );
  });

  it("is woken for the other callers when the first one gives up (failure mode 12)", async () => {
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

  it("is woken when all callers have given up (failure mode 13)", async () => {
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

  it("is woken again when it is just being unloaded (failure mode 15)", async () => {
    const server = llamaCpp({}, "qwen");
    const time = new FakeClock();
    const called = bell();
    const { runtime } = await testRuntime({ url: server.url, type: "openai", wake: ring(called.url), time });
    expect(runtime.state).toBe("active");
    // The server still responds, and its model is being unloaded.
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
