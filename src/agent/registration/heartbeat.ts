import type { Time } from "../../time.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import type { Providers } from "../core/provider.ts";

/** Returns the agent's state as it is known at this moment. No provider is called for it. */
export function agentState(providers: Providers, draining: boolean): AgentState {
  const llms = providers.all
    .filter(({ config }) => config.publish)
    .map((provider) => [provider.published().name, provider.llmState()] as const);
  return { llms: Object.fromEntries(llms), ...(draining && { draining }) };
}

export interface HeartbeatOptions {
  time: Time;
  /** Milliseconds between two heartbeats. */
  every: number;
  state(): AgentState;
  send(state: AgentState): void;
}

/** Sends the agent's state: by a timer of its own, and at once when it has changed. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #stop: () => void;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#stop = options.time.after(options.every, () => this.#beat());
  }

  /** Sends soon, because the state has changed. Changes of the same moment are sent together. */
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
