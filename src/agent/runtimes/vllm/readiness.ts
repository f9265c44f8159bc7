import { pause, systemTime } from "../../../time.ts";
import type { EngineApi } from "./engine-api.ts";

/** How a start has ended; `stranger` when something else answers in its place. */
export type Readiness = "ready" | "ended" | "late" | "stopped" | "stranger";

export interface ReadinessOptions {
  api: EngineApi;
  /** The name it must serve. */
  model: string;
  /** Resolves when its process is over. */
  exited: Promise<unknown>;
  /** Fires when the start is given up. */
  signal: AbortSignal;
  /** How long it may take, in seconds. */
  seconds: number;
  /** How often it is asked, in milliseconds. */
  poll: number;
  /** Called before each time it is asked. */
  onLook(): void;
}

/**
 * Waits until vLLM answers. It opens its port only when its engine stands, minutes after its start: its process is
 * alive, then `/health` says 200, then `/v1/models` has the name, then one token is made. A model that makes no text
 * refuses that with a 4xx, and is ready all the same.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<Readiness> {
  const { api, model, exited, signal, seconds, poll, onLook } = options;
  const over = new AbortController();
  let why: Readiness | undefined;
  const giveUp = (reason: Readiness) => {
    why ??= reason;
    over.abort();
  };
  const onAbort = () => giveUp("stopped");
  signal.addEventListener("abort", onAbort);
  const cancel = systemTime.after(seconds * 1000, () => giveUp("late"));
  void exited.then(() => giveUp("ended"));
  if (signal.aborted) giveUp("stopped");
  try {
    while (why === undefined) {
      onLook();
      const found = await look(api, model, over.signal).catch(() => undefined);
      if (why === undefined && found !== undefined) return found;
      await pause(systemTime, poll, over.signal);
    }
    return why;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Undefined when it is to be asked again. */
async function look(api: EngineApi, model: string, signal: AbortSignal): Promise<Readiness | undefined> {
  if ((await api.health(signal)) !== 200) return undefined;
  const names = await api.models(signal);
  if (names === undefined) return undefined;
  if (!names.includes(model)) return "stranger";
  return (await api.oneToken(model, signal)) < 500 ? "ready" : undefined;
}
