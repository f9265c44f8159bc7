import type { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { PublishedPersona, PublishedProvider } from "../../wire/link/registration.ts";
import type { Providers } from "../core/provider.ts";

/** What a register call publishes. */
export interface PublishedEntries {
  providers: PublishedProvider[];
  agents: PublishedPersona[];
}

/** What this agent publishes: all that its config says, but for what the server refuses. */
export class PublishedSet {
  readonly #providers: Providers;
  readonly #log: Log;
  /** What is left out, as `providers/name`: somebody else has the name, or the server does not take it. */
  readonly #dropped = new Set<string>();
  /** What has been told of. */
  readonly #told = new Set<string>();

  constructor(providers: Providers, log: Log) {
    this.#providers = providers;
    this.#log = log;
  }

  /** As it is to be sent now. */
  current(): PublishedEntries {
    const published = new Map(
      this.#providers.all
        .filter(({ config }) => config.publish)
        .map((one) => [one.config.name, one.published()]),
    );
    const personas = this.#providers.personas.filter(({ publish }) => publish);
    const agents = personas.map(({ publish: _, llm, ...persona }) => ({
      ...persona,
      llmName: published.get(llm)?.name ?? llm,
    }));
    return {
      providers: [...published.values()].filter(({ name }) => !this.#dropped.has(`providers/${name}`)),
      agents: agents.filter(({ name }) => !this.#dropped.has(`agents/${name}`)),
    };
  }

  /** Whether something is left out that may be tried again. */
  get isPartial(): boolean {
    return this.#dropped.size > 0;
  }

  /** Tries all of it again. */
  retry(): void {
    this.#dropped.clear();
  }

  /**
   * Leaves out exactly what the server's faults point at, and says so once.
   *
   * @param sent what was refused
   * @returns whether anything was left out: only then another try can go better
   */
  drop(sent: PublishedEntries, refusal: AppError): boolean {
    let dropped = false;
    for (const { path, message } of refusal.details ?? []) {
      const [, list, index] = /^\/(providers|agents)\/(\d+)(?:\/|$)/.exec(path) ?? [];
      const name = list && sent[list as keyof PublishedEntries][Number(index)]?.name;
      if (!name || this.#dropped.has(`${list}/${name}`)) continue;
      this.#dropped.add(`${list}/${name}`);
      dropped = true;
      const line = `${name} is not published: ${message}`;
      if (!this.#told.has(line)) this.#log.warn(line);
      this.#told.add(line);
    }
    return dropped;
  }
}
