import type { Principal } from "../../core/access/policy.ts";

/**
 * The beginnings of names of clients that do not offer new tools to a model that is at work, as was measured with Codex
 * 0.171, opencode 1.18 and Qwen Code 0.24. What a gate hides from them the model would never see.
 */
const known: readonly string[] = ["codex-mcp-client", "opencode", "qwen-cli-mcp-client"];

/** The most clients that are remembered. */
const maxLearned = 1000;

/** Knows which clients do not read lists again: some by name, others by what they did. */
export class DeafClients {
  readonly #learned = new Set<string>();

  /** @param client the name and version that a client gives */
  has(client: string | undefined, principal: Principal): boolean {
    if (client === undefined) return false;
    return known.some((name) => client.startsWith(name)) || this.#learned.has(keyOf(client, principal));
  }

  /** Notes a client that was told of more tools, and ended its session without a look at them. */
  learn(client: string | undefined, principal: Principal): void {
    if (client === undefined) return;
    this.#learned.add(keyOf(client, principal));
    if (this.#learned.size > maxLearned) this.#learned.delete(this.#learned.values().next().value!);
  }
}

/** Returns the key of a client. It has the user: clients of others may have the same name and behave otherwise. */
function keyOf(client: string, { userId }: Principal): string {
  return `${userId} ${client}`;
}
