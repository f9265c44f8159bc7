import { pause, systemTime } from "../../../time.ts";
import type { EngineApi } from "./engine-api.ts";

/** The result of a start; `stranger` when another server has its port. */
export type Readiness = "ready" | "ended" | "late" | "stopped" | "stranger";

export interface ReadinessOptions {
  api: EngineApi;
  /** Name of the model that it must serve. */
  model: string;
  /** Resolves when the process is over. */
  exited: Promise<unknown>;
  /** Aborts when the start is stopped. */
  signal: AbortSignal;
  /** The longest that the start may take, in seconds. */
  seconds: number;
  /** Milliseconds between two checks. */
  poll: number;
  /** Called before each check. */
  onCheck(): void;
}

/**
 * Waits until vLLM is ready: its process runs, `/health` responds with 200, `/v1/models` contains the name, and one token
 * is generated. vLLM opens its port only minutes after the start, when its engine runs. A model that generates no text
 * refuses the last step with a 4xx, and is ready too.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<Readiness> {
  const { api, model, exited, signal, seconds, poll, onCheck } = options;
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
      onCheck();
      const found = await check(api, model, over.signal).catch(() => undefined);
      if (why === undefined && found !== undefined) return found;
      await pause(systemTime, poll, over.signal);
    }
    return why;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Returns undefined when another check is needed. */
async function check(api: EngineApi, model: string, signal: AbortSignal): Promise<Readiness | undefined> {
  if ((await api.health(signal)) !== 200) return undefined;
  const names = await api.models(signal);
  if (names === undefined) return undefined;
  if (!names.includes(model)) return "stranger";
  return (await api.oneToken(model, signal)) < 500 ? "ready" : undefined;
}
