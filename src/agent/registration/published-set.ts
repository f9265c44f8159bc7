import type { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import {
  listingLimits,
  type PublishedMcpServer,
  type PublishedPersona,
  type PublishedProvider,
} from "../../wire/link/registration.ts";
import type { McpServerSet } from "../core/mcp-server.ts";
import type { Providers } from "../core/provider.ts";

/** The providers, personas and MCP servers of a registration. */
export interface PublishedEntries {
  providers: PublishedProvider[];
  agents: PublishedPersona[];
  /** Left out if there are none: a server of an older version does not know them. */
  mcpServers?: PublishedMcpServer[];
}

/** The set that this agent publishes: everything of its config, except for what the server refuses. */
export class PublishedSet {
  readonly #providers: Providers;
  readonly #mcpServers: Pick<McpServerSet, "all">;
  readonly #log: Log;
  /** Refused entries, as `providers/name`, and the reasons: the name is taken, or the entry is invalid. */
  readonly #dropped = new Map<string, string>();
  /** Warnings that have been logged. */
  readonly #logged = new Set<string>();

  constructor(providers: Providers, mcpServers: Pick<McpServerSet, "all">, log: Log) {
    this.#providers = providers;
    this.#mcpServers = mcpServers;
    this.#log = log;
  }

  /** Returns the set as it is now. */
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
    const mcpServers = this.#publishedServers();
    return {
      providers: [...published.values()].filter(({ name }) => !this.#dropped.has(`providers/${name}`)),
      agents: agents.filter(({ name }) => !this.#dropped.has(`agents/${name}`)),
      ...(mcpServers.length > 0 && { mcpServers }),
    };
  }

  /** Returns the MCP servers, as many as have room in one registration with their lists. */
  #publishedServers(): PublishedMcpServer[] {
    let size = 0;
    return this.#mcpServers.all.flatMap((server): PublishedMcpServer[] => {
      const entry = server.published();
      if (!server.config.publish || this.#dropped.has(`mcpServers/${entry.name}`)) return [];
      size += JSON.stringify(entry).length;
      if (size <= listingLimits.all) return [entry];
      this.warnOnce(`${entry.name} is not published: the lists of all MCP servers have more than 3 MB`);
      return [];
    });
  }

  /** Logs a warning, once as long as the agent runs. */
  warnOnce(line: string): void {
    if (!this.#logged.has(line)) this.#log.warn(line);
    this.#logged.add(line);
  }

  /** The entries that the server refuses, as `providers/name`, with its reasons. */
  get refusals(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#dropped);
  }

  /** True if entries are left out, which can be tried again. */
  get isPartial(): boolean {
    return this.#dropped.size > 0;
  }

  /** Puts the refused entries back, for another try. */
  retry(): void {
    this.#dropped.clear();
  }

  /**
   * Leaves out exactly the entries that the server's faults point at, and logs each once.
   *
   * @param sent the set that was refused
   * @returns true if an entry was left out, so that another try can succeed
   */
  drop(sent: PublishedEntries, refusal: AppError): boolean {
    let dropped = false;
    for (const { path, message } of refusal.details ?? []) {
      const [, list, index] = /^\/(providers|agents|mcpServers)\/(\d+)(?:\/|$)/.exec(path) ?? [];
      const name = list && sent[list as keyof PublishedEntries]?.[Number(index)]?.name;
      if (!name || this.#dropped.has(`${list}/${name}`)) continue;
      this.#dropped.set(`${list}/${name}`, message);
      dropped = true;
      this.warnOnce(`${name} is not published: ${message}`);
    }
    return dropped;
  }
}
