import type { Log } from "../../log.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Time } from "../../time.ts";
import type { AgentConfig, PersonaConfig, ProviderConfig } from "../core/config.ts";
import type { LocalProvider, Providers, Runtime } from "../core/provider.ts";
import { createManagedVllm } from "../runtimes/vllm/managed-vllm.ts";
import { ExternalRuntime } from "./external-runtime.ts";
import { Calls, createLocalProvider, readApiKey } from "./local-provider.ts";

export interface ProvidersDeps {
  outbound: Outbound;
  /** `~/.mcpctl`. */
  home: string;
  /** Makes the runtime of a `vllm-managed` provider; a test's own in place of vLLM. */
  managed?(config: ProviderConfig): Runtime;
  /** The agent's own environment, and a folder to run wake commands in. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  log: Log;
  time: Time;
}

/** Providers whose config can be replaced while they work. */
export interface LiveProviders extends Providers {
  /**
   * Takes up a config. Providers that stay as they are keep what they are at; those that go, or change in what is
   * behind them, finish their calls first. Returns when it is known how the new ones are; then listeners are told.
   */
  apply(config: AgentConfig): Promise<void>;
}

/** What is behind a provider. It outlives changes of how the provider is published. */
interface Backing {
  name: string;
  /** What of the config it depends on, as text. */
  key: string;
  runtime: Runtime;
  calls: Calls;
  onFailure(): void;
  stopListening(): void;
  /** It has been told to end. */
  ended?: Promise<void>;
  /** Resolves when it has ended, well or not. */
  over: PromiseWithResolvers<void>;
}

interface Leaving {
  backing: Backing;
  gone: Promise<void>;
}

type Change = "published" | "state";

/** No providers yet: `apply` brings them. */
export function createProviders(deps: ProvidersDeps): LiveProviders {
  return new ProviderSet(deps);
}

class ProviderSet implements LiveProviders {
  readonly #deps: ProvidersDeps;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #leaving = new Set<Leaving>();
  #backings = new Map<string, Backing>();
  #all: readonly LocalProvider[] = [];
  #personas: readonly PersonaConfig[] = [];
  #isClosed = false;

  constructor(deps: ProvidersDeps) {
    this.#deps = deps;
  }

  get all(): readonly LocalProvider[] {
    return this.#all;
  }

  get personas(): readonly PersonaConfig[] {
    return this.#personas;
  }

  published(name: string): LocalProvider | undefined {
    return this.#all.find(({ config }) => config.publish && (config.publishName ?? config.name) === name);
  }

  named(name: string): LocalProvider | undefined {
    return this.#all.find(({ config }) => config.name === name);
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async apply({ providers, agents }: AgentConfig): Promise<void> {
    if (this.#isClosed) return;
    const before = this.#backings;
    const after = new Map<string, Backing>();
    const fresh: Backing[] = [];
    const all: LocalProvider[] = [];
    for (const config of providers) {
      const key = backingKey(config);
      const kept = before.get(config.name);
      if (kept && kept.key !== key) this.#retire(kept);
      const backing = kept?.key === key ? kept : this.#backingFor(config, key);
      if (backing !== kept) fresh.push(backing);
      after.set(config.name, backing);
      const old = this.named(config.name);
      const isSame = backing === kept && JSON.stringify(old?.config) === JSON.stringify(config);
      const { outbound } = this.#deps;
      all.push(isSame ? old! : createLocalProvider(config, { ...backing, outbound }));
    }
    [this.#backings, this.#all, this.#personas] = [after, all, agents];
    for (const backing of before.values()) if (!after.has(backing.name)) this.#retire(backing);
    await Promise.all(fresh.map((backing) => this.#start(backing)));
    this.#tell("published");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    const backings = [...this.#backings.values(), ...[...this.#leaving].map(({ backing }) => backing)];
    await Promise.all(backings.map((backing) => end(backing)));
  }

  #backingFor(config: ProviderConfig, key: string): Backing {
    const runtime = config.type === "vllm-managed" ? this.#managed(config) : this.#external(config);
    const backing: Backing = {
      name: config.name,
      key,
      runtime,
      calls: new Calls(),
      over: Promise.withResolvers(),
      // One that somebody else runs is looked at anew; a managed one watches its process itself.
      onFailure: () => void (runtime instanceof ExternalRuntime && runtime.check()),
      stopListening: runtime.onChange(() => {
        if (this.named(config.name)?.config.publish) this.#tell("state");
      }),
    };
    return backing;
  }

  #managed(config: ProviderConfig): Runtime {
    const { managed, outbound: send, home, env, time, log } = this.#deps;
    const predecessor = Promise.all(this.#goingAs(config.name).map(({ backing }) => backing.over.promise));
    return managed?.(config) ?? createManagedVllm(config, { home, env, send, time, log, predecessor });
  }

  #external(config: ProviderConfig): ExternalRuntime {
    return new ExternalRuntime(config, { ...this.#deps, apiKey: () => readApiKey(config) });
  }

  /** One whose predecessor still works waits for it: the two may want the same port and the same memory. */
  async #start({ name, runtime }: Backing): Promise<void> {
    const start = () =>
      runtime
        .start()
        .catch((error: Error) => this.#deps.log.error(`${name} cannot be watched: ${error.message}`));
    const predecessors = this.#goingAs(name);
    if (predecessors.length === 0) return start();
    const started = Promise.all(predecessors.map(({ gone }) => gone)).then(() => {
      const isWanted = !this.#isClosed && this.#backings.get(name)?.runtime === runtime;
      return isWanted ? start() : undefined;
    });
    if (predecessors.every(({ backing }) => backing.calls.inFlight === 0)) await started;
  }

  /** Those of a name that are about to go. */
  #goingAs(name: string): Leaving[] {
    return [...this.#leaving].filter(({ backing }) => backing.name === name);
  }

  #retire(backing: Backing): void {
    backing.stopListening();
    const leaving: Leaving = {
      backing,
      gone: backing.calls
        .idle()
        .then(() => end(backing))
        .catch((error: Error) => this.#deps.log.error(`${backing.name} did not end well: ${error.message}`))
        .finally(() => this.#leaving.delete(leaving)),
    };
    this.#leaving.add(leaving);
    if (backing.calls.inFlight > 0) this.#deps.log.info(`${backing.name} goes when its calls are answered`);
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function end(backing: Backing): Promise<void> {
  backing.stopListening();
  backing.ended ??= backing.runtime.close().finally(() => backing.over.resolve());
  return backing.ended;
}

function backingKey({ name, type, model, url, apiKeyFile, wake, managed }: ProviderConfig): string {
  return JSON.stringify({ name, type, model, url, apiKeyFile, wake, managed });
}
