import { describe, expect, it } from "vitest";
import { type Component, closable, Lifecycle } from "../../../src/server/core/lifecycle.ts";

/** Components that write down what happens to them, and the lifecycle that they are started in. */
function recorder() {
  const events: string[] = [];
  const errors: unknown[] = [];
  const lifecycle = new Lifecycle((error) => errors.push(error));
  const component = (name: string, own: Partial<Component> = {}): Component => ({
    name,
    start: () => void events.push(`start ${name}`),
    drain: () => void events.push(`drain ${name}`),
    close: () => void events.push(`close ${name}`),
    ...own,
  });
  return { events, errors, lifecycle, component };
}

const never = () => new Promise<void>(() => {});

describe("Lifecycle", () => {
  it("starts components in order, then drains all and closes all in the opposite order", async () => {
    const { events, lifecycle, component } = recorder();
    await lifecycle.start(component("a"));
    await lifecycle.start(component("b"));
    await lifecycle.start(component("c"));
    expect(lifecycle.isStopping).toBe(false);
    const stopped = lifecycle.stop(60_000);
    expect(lifecycle.isStopping).toBe(true);
    await stopped;
    expect(events).toEqual([
      ...["start a", "start b", "start c"],
      ...["drain c", "drain b", "drain a"],
      ...["close c", "close b", "close a"],
    ]);
  });

  it("gives each component a turn of the event loop of its own (T338)", async () => {
    const { lifecycle, component } = recorder();
    let turn = 0;
    const turns: number[] = [];
    const start = () => {
      turns.push(turn);
      setImmediate(() => void turn++);
    };
    for (const name of ["a", "b", "c"]) await lifecycle.start(component(name, { start }));
    expect(new Set(turns).size).toBe(3);
  });

  it("hands what a component provides to the caller, and back to its drain and close", async () => {
    const { lifecycle } = recorder();
    const seen: number[] = [];
    const part = await lifecycle.start({
      name: "number",
      start: async () => 42,
      drain: (value) => void seen.push(value),
      close: (value) => void seen.push(value + 1),
    });
    expect(part).toBe(42);
    await lifecycle.stop(0);
    expect(seen).toEqual([42, 43]);
  });

  it("closes what a closable component has made", async () => {
    const { events, lifecycle } = recorder();
    await lifecycle.start(closable("door", async () => ({ close: () => void events.push("closed") })));
    await lifecycle.stop(0);
    expect(events).toEqual(["closed"]);
  });

  it("starts and stops components that have nothing to drain or close", async () => {
    const { lifecycle } = recorder();
    await lifecycle.start({ name: "plain", start: () => {} });
    await lifecycle.stop(0);
  });

  it("closes the components before one that fails to start, in the opposite order, and throws its error", async () => {
    const { events, lifecycle, component } = recorder();
    const failure = new Error("the port is taken");
    await lifecycle.start(component("a"));
    await lifecycle.start(component("b"));
    const failing = component("c", { start: () => Promise.reject(failure) });
    await expect(lifecycle.start(failing)).rejects.toBe(failure);
    expect(events).toEqual(["start a", "start b", "close b", "close a"]);
    await lifecycle.stop(0);
    expect(events).toHaveLength(4);
  });

  it("waits for one component to drain before the next one drains", async () => {
    const { events, lifecycle, component } = recorder();
    const finished = Promise.withResolvers<void>();
    await lifecycle.start(component("a"));
    await lifecycle.start(component("b", { drain: () => finished.promise }));
    const stopped = lifecycle.stop(60_000);
    await Promise.resolve();
    expect(events).not.toContain("drain a");
    finished.resolve();
    await stopped;
    expect(events.slice(2)).toEqual(["drain a", "close b", "close a"]);
  });

  it("closes all components when the time to drain is over", async () => {
    const { events, lifecycle, component } = recorder();
    await lifecycle.start(component("a"));
    await lifecycle.start(component("b", { drain: never }));
    await lifecycle.stop(1);
    expect(events.slice(2)).toEqual(["drain a", "close b", "close a"]);
  });

  it("drains no longer than a second, shorter stop allows, and closes once", async () => {
    const { events, lifecycle, component } = recorder();
    await lifecycle.start(component("a", { drain: never }));
    const first = lifecycle.stop(600_000);
    await Promise.all([first, lifecycle.stop(0)]);
    expect(events).toEqual(["start a", "close a"]);
  });

  it("drains and closes the others when one fails to, and reports the failure", async () => {
    const { events, errors, lifecycle, component } = recorder();
    const cause = new Error("no");
    await lifecycle.start(component("a"));
    await lifecycle.start(
      component("b", {
        drain: () => Promise.reject(cause),
        close() {
          throw cause;
        },
      }),
    );
    await lifecycle.stop(60_000);
    expect(events.slice(2)).toEqual(["drain a", "close a"]);
    expect(errors).toEqual([
      expect.objectContaining({ message: "cannot drain b", cause }),
      expect.objectContaining({ message: "cannot close b", cause }),
    ]);
  });
});
