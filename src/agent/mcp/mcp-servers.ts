import type { LocalMcpServer, McpServerConfig, McpServerSet } from "../core/mcp-server.ts";
import { type LocalMcpServerOptions, ManagedMcpServer } from "./local-mcp-server.ts";

/** The MCP servers of the config, which can be replaced while they run. */
export class ManagedMcpServers implements McpServerSet {
  readonly #options: Omit<LocalMcpServerOptions, "onChange">;
  readonly #listeners = new Set<() => void>();
  #all: readonly ManagedMcpServer[] = [];
  /** The ends of those that the config has no more, by name. */
  readonly #leaving = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(options: Omit<LocalMcpServerOptions, "onChange">) {
    this.#options = options;
  }

  get all(): readonly LocalMcpServer[] {
    return this.#all;
  }

  published(name: string): LocalMcpServer | undefined {
    return this.#all.find(({ config }) => config.publish && (config.publishName ?? config.name) === name);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Applies a config. Unchanged servers go on; the calls of others end. Only published ones are ever started. */
  apply(configs: readonly McpServerConfig[]): void {
    if (this.#isClosed) return;
    const before = this.#all;
    const isSame = (one: ManagedMcpServer, config: McpServerConfig) => Bun.deepEquals(one.config, config);
    const fresh: ManagedMcpServer[] = [];
    this.#all = configs.map((config) => {
      const kept = before.find((one) => isSame(one, config));
      if (kept) return kept;
      const server = new ManagedMcpServer(config, { ...this.#options, onChange: () => this.#tell() });
      if (config.publish) fresh.push(server);
      return server;
    });
    for (const server of before) if (!this.#all.includes(server)) this.#retire(server);
    for (const server of fresh) void this.#begin(server);
    this.#tell();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    await Promise.all([...this.#all.map((server) => server.close()), ...this.#leaving.values()]);
  }

  /** Starts it once the one before it, which has the same folder, has ended. */
  async #begin(server: ManagedMcpServer): Promise<void> {
    await this.#leaving.get(server.config.name);
    if (!this.#isClosed && this.#all.includes(server)) server.begin();
  }

  #retire(server: ManagedMcpServer): void {
    const { name } = server.config;
    const gone = server.close().finally(() => {
      if (this.#leaving.get(name) === gone) this.#leaving.delete(name);
    });
    this.#leaving.set(name, gone);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
