import type { Principal } from "../../core/access/policy.ts";

/**
 * Names of clients that do not read the list of tools again when they are told that it has changed. What a gate hides from
 * them they would never see.
 */
const known: readonly string[] = ["codex-mcp-client"];

/** The most clients that are remembered. */
const maxLearned = 1000;

/** Knows which clients do not read lists again: some by name, others by what they did. */
export class DeafClients {
  readonly #learned = new Set<string>();

  /** @param client the name and version that a client gives */
  has(client: string | undefined, principal: Principal): boolean {
    if (client === undefined) return false;
    return known.includes(client.split(" ")[0]!) || this.#learned.has(keyOf(client, principal));
  }

  /** Notes a client that was told of more tools, and ended its session without a look at them. */
  learn(client: string | undefined, principal: Principal): void {
    if (client === undefined) return;
    this.#learned.add(keyOf(client, principal));
    if (this.#learned.size > maxLearned) this.#learned.delete(this.#learned.values().next().value!);
  }
}

/** What one user's client did says nothing about those of others, which may only have the same name. */
function keyOf(client: string, { userId }: Principal): string {
  return `${userId} ${client}`;
}
