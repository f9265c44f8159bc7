import type { PersonaConfig } from "../../../src/agent/core/config.ts";
import type { LocalProvider, Providers, RuntimeState } from "../../../src/agent/core/provider.ts";
import { PushedResponse } from "../../../src/net/pushed-response.ts";
import type { Operation } from "../../../src/wire/dialects/operations.ts";

/** A call that has reached a provider. */
export interface Call {
  operation: Operation;
  body: string;
  signal: AbortSignal;
  /** Begins a response, which the test writes. */
  answer(status?: number, headers?: Record<string, string>): PushedResponse;
  fail(error: Error): void;
  /** Resolves when the agent has cancelled the call, before or after the response began. */
  aborted: Promise<void>;
  /** Number of times that the response was paused. */
  paused: number;
}

export interface MemoryProvider extends LocalProvider {
  calls: Call[];
  state: RuntimeState;
  /** Number of calls that its runtime counts as running. */
  entered: number;
  woken: number;
  /** Called for each wake; by default it succeeds. */
  onWake: (signal: AbortSignal) => Promise<void>;
  closed: boolean;
}

/** Returns a provider without a server: the test responds to its calls. */
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
