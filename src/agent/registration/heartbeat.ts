import type { Time } from "../../time.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import type { Providers } from "../core/provider.ts";

/** How the agent is, as it knows at this moment: nothing is asked for it. */
export function agentState(providers: Providers, draining: boolean): AgentState {
  const llms = providers.all
    .filter(({ config }) => config.publish)
    .map((provider) => [provider.published().name, provider.llmState()] as const);
  return { llms: Object.fromEntries(llms), ...(draining && { draining }) };
}

export interface HeartbeatOptions {
  time: Time;
  /** Milliseconds. */
  every: number;
  state(): AgentState;
  send(state: AgentState): void;
}

/** Tells how the agent is: again and again by a timer of its own, and at once when something has changed. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #stop: () => void;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#stop = options.time.after(options.every, () => this.#beat());
  }

  /** Something has changed: what changes in the same moment is told together. */
  soon(): void {
    this.#stop();
    this.#stop = this.#options.time.after(0, () => this.#beat());
  }

  stop(): void {
    this.#stop();
  }

  #beat(): void {
    const { time, every, state, send } = this.#options;
    this.#stop = time.after(every, () => this.#beat());
    send(state());
  }
}
