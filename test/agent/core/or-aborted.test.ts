import { expect, it } from "vitest";
import { orAborted } from "../../../src/agent/core/or-aborted.ts";

const gone = () => new Error("gone");

it("orAborted returns what the promise resolves with, and throws what it rejects with", async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve(7), signal, gone)).toBe(7);
  await expect(orAborted(Promise.reject(new Error("broken")), signal, gone)).rejects.toThrow("broken");
});

it("orAborted throws the given error as soon as the signal aborts, and leaves no listener", async () => {
  const abort = new AbortController();
  const listeners = new Set<unknown>();
  const { signal } = abort;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: EventListener) => {
    listeners.add(listener);
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  const waiting = orAborted(new Promise(() => {}), signal, gone);
  abort.abort();
  await expect(waiting).rejects.toThrow("gone");
  expect(listeners.size).toBe(0);
  await expect(orAborted(Promise.resolve(7), signal, gone)).rejects.toThrow("gone");
});
