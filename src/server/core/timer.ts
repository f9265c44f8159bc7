import type { Component } from "./lifecycle.ts";

export interface TimerOptions {
  name: string;
  /** Milliseconds between two runs. */
  every: number;
  /** The first run is at the start, not one interval later. */
  atStart?: boolean;
  /** Does the work of one run. The next run does not begin before it ends: it would only add to what is slow. */
  run(): Promise<void>;
  /** Gets the error of a run that failed; the next run takes place all the same. */
  onError(error: unknown): void;
}

/** A component that runs work at intervals until it drains. */
export function timer(options: TimerOptions): Component<ReturnType<typeof setInterval>> {
  const { name, every, atStart = false, onError } = options;
  let isRunning = false;
  const run = async () => {
    if (isRunning) return;
    isRunning = true;
    try {
      await options.run();
    } catch (error) {
      onError(error);
    } finally {
      isRunning = false;
    }
  };
  return {
    name,
    start() {
      if (atStart) void run();
      return setInterval(() => void run(), every);
    },
    drain: clearInterval,
    close: clearInterval,
  };
}
