import type { Log } from "../../log.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Time } from "../../time.ts";
import type { AgentConfig, PersonaConfig, ProviderConfig } from "../core/config.ts";
import type { LocalProvider, Providers, Runtime } from "../core/provider.ts";
import { createManagedVllm } from "../runtimes/vllm/managed-vllm.ts";
import { ExternalRuntime } from "./external-runtime.ts";
import { CallCounter, createLocalProvider, readApiKey } from "./local-provider.ts";

export interface ProvidersDeps {
  outbound: Outbound;
  /** `~/.mcpctl`. */
  home: string;
  /** Creates the runtime of a `vllm-managed` provider; a test replaces it. */
  managed?(config: ProviderConfig): Runtime;
  /** The agent's environment, and the folder in which wake commands run. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  log: Log;
  time: Time;
}

/** Providers whose config can be replaced while they run. */
export interface LiveProviders extends Providers {
  /**
   * Applies a config. Unchanged providers keep their calls. Providers that are removed, or whose server changes, finish
   * their calls first. Returns when the states of the new ones are known; then listeners are called.
   */
  apply(config: Pick<AgentConfig, "providers" | "agents">): Promise<void>;
}

/** The server behind a provider and its calls. It is kept when only the published fields of the provider change. */
interface Backing {
  name: string;
  /** The fields of the config that it depends on, as JSON. */
  key: string;
  runtime: Runtime;
  calls: CallCounter;
  onFailure(): void;
  stopListening(): void;
  /** Set once it has begun to end. */
  ended?: Promise<void>;
  /** Resolves when it has ended, with or without an error. */
  over: PromiseWithResolvers<void>;
}

interface Leaving {
  backing: Backing;
  gone: Promise<void>;
}

type Change = "published" | "state";

/** Creates an empty set of providers, which `apply` fills. */
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

  async apply({ providers, agents }: Pick<AgentConfig, "providers" | "agents">): Promise<void> {
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
      calls: new CallCounter(),
      over: Promise.withResolvers(),
      // A server that the agent does not run is checked again; a managed one watches its process itself.
      onFailure: () => void (runtime instanceof ExternalRuntime && runtime.check()),
      stopListening: runtime.onChange(() => {
        if (this.named(config.name)?.config.publish) this.#tell("state");
      }),
    };
    return backing;
  }

  #managed(config: ProviderConfig): Runtime {
    const { managed, outbound: send, home, env, time, log } = this.#deps;
    const predecessor = Promise.all(
      this.#leavingWith(config.name).map(({ backing }) => backing.over.promise),
    );
    return managed?.(config) ?? createManagedVllm(config, { home, env, send, time, log, predecessor });
  }

  #external(config: ProviderConfig): ExternalRuntime {
    return new ExternalRuntime(config, { ...this.#deps, apiKey: () => readApiKey(config) });
  }

  /** Starts it once earlier ones of the same name have ended: they may use the same port and memory. */
  async #start({ name, runtime }: Backing): Promise<void> {
    const start = () =>
      runtime
        .start()
        .catch((error: Error) => this.#deps.log.error(`${name} cannot be watched: ${error.message}`));
    const predecessors = this.#leavingWith(name);
    if (predecessors.length === 0) return start();
    const started = Promise.all(predecessors.map(({ gone }) => gone)).then(() => {
      const isWanted = !this.#isClosed && this.#backings.get(name)?.runtime === runtime;
      return isWanted ? start() : undefined;
    });
    if (predecessors.every(({ backing }) => backing.calls.inFlight === 0)) await started;
  }

  /** Returns those of a name that are about to end. */
  #leavingWith(name: string): Leaving[] {
    return [...this.#leaving].filter(({ backing }) => backing.name === name);
  }

  #retire(backing: Backing): void {
    backing.stopListening();
    const leaving: Leaving = {
      backing,
      gone: backing.calls
        .idle()
        .then(() => end(backing))
        .catch((error: Error) => this.#deps.log.error(`${backing.name} failed to end: ${error.message}`))
        .finally(() => this.#leaving.delete(leaving)),
    };
    this.#leaving.add(leaving);
    if (backing.calls.inFlight > 0) this.#deps.log.info(`${backing.name} ends when its calls are finished`);
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
