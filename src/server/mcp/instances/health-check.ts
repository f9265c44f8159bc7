import { RpcError } from "../../../mcp/rpc-error.ts";
import type { Time } from "../../../time.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { McpConnection } from "./connection.ts";

export interface CheckSettings {
  /** Milliseconds. */
  interval: number;
  timeout: number;
  /** Failures in a row after which an instance is replaced. */
  threshold: number;
  /** Asks the server something. @throws if it does not answer as it should */
  ask(connection: McpConnection, timeout: number): Promise<void>;
}

/** Finds out that a server which runs does not answer any more. */
export class HealthCheck {
  readonly #time: Time;
  #failures = 0;
  #aliveAt = 0;
  #checkedAt = 0;
  #isRunning = false;
  #isSuspect = false;

  constructor(time: Time) {
    this.#time = time;
  }

  /** The server has started: the first check comes one interval later. */
  began(): void {
    this.alive();
    this.#checkedAt = this.#aliveAt;
  }

  /** The server has answered something. */
  alive(): void {
    this.#aliveAt = this.#time.elapsed();
    this.#failures = 0;
    this.#isSuspect = false;
  }

  /** A call was not answered in time: the next check is due at once. */
  suspect(): void {
    this.#isSuspect = true;
  }

  /**
   * Checks if it is due.
   *
   * @param silence milliseconds for which a server may be silent while it works on a call: many do one thing at a time
   * @returns the reason to replace the instance, or undefined
   */
  async run(
    connection: McpConnection,
    settings: CheckSettings,
    silence: number,
  ): Promise<string | undefined> {
    const now = this.#time.elapsed();
    const isDue = this.#isSuspect || now - this.#checkedAt >= settings.interval;
    if (this.#isRunning || !isDue) return undefined;
    this.#isRunning = true;
    this.#isSuspect = false;
    try {
      await settings.ask(connection, settings.timeout);
      this.alive();
      return undefined;
    } catch (error) {
      if (this.#time.elapsed() - this.#aliveAt < silence) return undefined;
      this.#failures++;
      if (this.#failures < settings.threshold) return undefined;
      const count = this.#failures;
      this.#failures = 0;
      return `it failed ${count} health checks in a row: ${(error as Error).message}`;
    } finally {
      this.#isRunning = false;
      this.#checkedAt = this.#time.elapsed();
    }
  }
}

/**
 * Makes the settings of a server's checks.
 *
 * @param onTools takes the tools of the first page, where the check lists them, and if there are no more
 */
export function checkSettings(
  { spec }: McpServerRow,
  onTools: (connection: McpConnection, tools: readonly unknown[], isAll: boolean) => void,
): CheckSettings {
  const { tool, arguments: values = {}, intervalSeconds = 60 } = spec.healthCheck ?? {};
  const { timeoutSeconds = 10, failureThreshold = 3 } = spec.healthCheck ?? {};
  return {
    interval: intervalSeconds * 1000,
    timeout: timeoutSeconds * 1000,
    threshold: failureThreshold,
    async ask(connection, timeout) {
      const { upstream } = connection;
      if (tool !== undefined) {
        const result = await upstream.request("tools/call", { name: tool, arguments: values }, { timeout });
        if (result["isError"] === true) throw new Error(`the tool ${tool} of the check says that it failed`);
        return;
      }
      if (!upstream.has("tools")) return askOther(connection, timeout);
      const { tools, nextCursor } = await upstream.request("tools/list", {}, { timeout });
      if (Array.isArray(tools)) onTools(connection, tools, nextCursor === undefined);
    },
  };
}

/** Asks a server without tools. An error is an answer too. */
async function askOther({ upstream }: McpConnection, timeout: number): Promise<void> {
  const method = upstream.era === "legacy" ? "ping" : "server/discover";
  await upstream.request(method, {}, { timeout }).catch((error) => {
    if (!(error instanceof RpcError)) throw error;
  });
}
