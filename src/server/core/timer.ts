import type { Component } from "./lifecycle.ts";

export interface TimerOptions {
  name: string;
  /** Milliseconds between two runs. */
  every: number;
  /** The first run is at the start, not one interval later. */
  atStart?: boolean;
  /** Begins a run, also while the run before is under way. */
  run(): Promise<void>;
  /** Gets the error of a run that failed; the next run takes place all the same. */
  onError(error: unknown): void;
}

/** A component that runs work at intervals until it drains. */
export function timer(options: TimerOptions): Component<ReturnType<typeof setInterval>> {
  const { name, every, atStart = false, onError } = options;
  const run = () => void options.run().catch(onError);
  return {
    name,
    start() {
      if (atStart) run();
      return setInterval(run, every);
    },
    drain: clearInterval,
    close: clearInterval,
  };
}
