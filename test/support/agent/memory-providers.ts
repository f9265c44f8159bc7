import type { PersonaConfig } from "../../../src/agent/core/config.ts";
import type { LocalProvider, Providers, RuntimeState } from "../../../src/agent/core/provider.ts";
import { PushedResponse } from "../../../src/net/pushed-response.ts";
import type { Operation } from "../../../src/wire/dialects/operations.ts";

/** A call that a provider was asked. */
export interface Call {
  operation: Operation;
  body: string;
  signal: AbortSignal;
  /** Begins an answer; the test writes it. */
  answer(status?: number, headers?: Record<string, string>): PushedResponse;
  fail(error: Error): void;
  /** Resolves when the agent has given up the call, before or after it was answered. */
  aborted: Promise<void>;
  /** How often the answer was held back and let go on. */
  paused: number;
}

export interface MemoryProvider extends LocalProvider {
  calls: Call[];
  state: RuntimeState;
  /** Calls that are under way, as its runtime sees them. */
  entered: number;
  woken: number;
  /** What waking does; by default it succeeds. */
  onWake: (signal: AbortSignal) => Promise<void>;
  closed: boolean;
}

/** A provider of this process. */
export function memoryProvider(name: string, over: Partial<LocalProvider["config"]> = {}): MemoryProvider {
  const provider: MemoryProvider = {
    config: { name, type: "openai", model: `${name}-model`, publish: true, ...over },
    calls: [],
    state: "active",
    entered: 0,
    woken: 0,
    onWake: async () => {},
    closed: false,
    runtime: {
      url: "http://127.0.0.1:1",
      get state() {
        return provider.state;
      },
      onChange: () => () => {},
      start: async () => {},
      async wake(signal) {
        provider.woken++;
        await provider.onWake(signal);
        provider.state = "active";
      },
      stop: async () => {},
      enter() {
        provider.entered++;
        return () => void provider.entered--;
      },
      describe: () => ({ state: provider.state, detail: null }),
      close: async () => {},
    },
    published: () => ({
      name: over.publishName ?? name,
      type: provider.config.type,
      model: provider.config.model,
      initialStatus: provider.state === "hibernating" ? "hibernating" : "active",
    }),
    llmState: () => ({
      status: provider.state === "active" ? "active" : "hibernating",
      inFlight: provider.entered,
    }),
    call(operation, body, signal) {
      return new Promise((resolve, reject) => {
        const aborted = Promise.withResolvers<void>();
        let answer: PushedResponse | undefined;
        const call: Call = {
          operation,
          body,
          signal,
          paused: 0,
          aborted: aborted.promise,
          answer(status = 200, headers = { "content-type": "text/event-stream" }) {
            answer = new PushedResponse(status, headers, { onCancel() {} });
            const hold = answer.pause.bind(answer);
            answer.pause = () => {
              call.paused++;
              hold();
            };
            resolve(answer);
            return answer;
          },
          fail: reject,
        };
        signal.addEventListener("abort", () => {
          answer?.cancel();
          reject(new Error("aborted"));
          aborted.resolve();
        });
        provider.calls.push(call);
      });
    },
    async close() {
      provider.closed = true;
    },
  };
  return provider;
}

export interface MemoryProviders extends Providers {
  all: MemoryProvider[];
  personas: PersonaConfig[];
  change(what: "published" | "state"): void;
  closed: boolean;
}

export function memoryProviders(...all: MemoryProvider[]): MemoryProviders {
  const listeners = new Set<(change: "published" | "state") => void>();
  const providers: MemoryProviders = {
    all,
    personas: [],
    closed: false,
    published: (name) => providers.all.find((one) => one.config.publish && one.published().name === name),
    named: (name) => providers.all.find(({ config }) => config.name === name),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change: (what) => {
      for (const listener of listeners) listener(what);
    },
    async close() {
      providers.closed = true;
    },
  };
  return providers;
}
