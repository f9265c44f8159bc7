import { AppError, type Fault } from "../../../errors.ts";
import type { AuthorizationNeeded } from "../../../mcp/oauth/authorized-outbound.ts";
import { headerFault } from "../../../wire/header-value.ts";
import { standing } from "../../core/access/standing.ts";
import { type Caller, eventBy, subjectOf } from "../../core/caller.ts";
import { definitionHash } from "../../core/catalogue/mcp-rights.ts";
import { hasUserKeys, userKeysOf } from "../../core/catalogue/user-keys.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { isExample } from "../placeholders.ts";
import { needed } from "./access-tokens.ts";
import type { AuthorizationStore } from "./authorization-store.ts";

/**
 * The keys that users give for their own calls of an MCP server. They are kept as the tokens of a login are, and are good
 * for the definition of the server for which they were given, and for no other one (T312).
 */
export class UserKeys {
  readonly #store: AuthorizationStore;
  readonly #now: () => number;

  constructor({ store, now }: { store: AuthorizationStore; now(): number }) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Returns the keys of a user, by their names; none if the server wants none.
   *
   * @param server the row with which an instance starts
   * @param userId the user whose calls the instance is for; "" for one that users share, which gets none
   * @throws AuthorizationNeeded if one is missing; AppError if their backend does not answer
   */
  async read(server: McpServerRow, userId: string): Promise<Readonly<Record<string, string>>> {
    const wanted = [...userKeysOf(server.spec).keys()];
    if (wanted.length === 0) return {};
    const row = userId === "" ? undefined : this.#store.find(server, userId);
    const { keys } = row ? await this.#store.record(row) : {};
    const isFor = keys?.definition === definitionHash(server);
    const missing = wanted.find((key) => !isFor || !Object.hasOwn(keys.values, key));
    if (missing !== undefined) throw keyNeeded(server, `it wants a key of yours, "${missing}"`);
    return keys!.values;
  }

  /**
   * Keeps the keys of a user, in the place of those given before.
   *
   * @throws AppError `invalid_request` with the faults, which name no value; `conflict`
   */
  async give(
    server: McpServerRow,
    userId: string,
    given: Readonly<Record<string, string>>,
    caller: Caller,
  ): Promise<void> {
    checkGiven(server, given);
    const at = this.#now();
    const { id } = await this.#store.need(server, userId);
    const detail = subjectOf(server);
    const row = await this.#store.change(id, ({ status: { problem: _, ...status } }) => ({
      status: {
        ...status,
        state: "authorized",
        authorizedBy: caller.principal.userId,
        authorizedAt: new Date(at).toISOString(),
      },
      record: { keys: { definition: definitionHash(server), values: given } },
      conditions: standing(caller.principal),
      event: eventBy(caller, { at, action: "authorize", status: 200, detail }),
    }));
    if (!row)
      throw new AppError("conflict", `server "${server.name}" was changed meanwhile; give the keys again`);
  }
}

/** Returns the error for a caller whose own key is missing or refused. */
export function keyNeeded(server: McpServerRow, why: string): AuthorizationNeeded {
  return needed(server, why);
}

function checkGiven({ name, spec }: McpServerRow, given: Readonly<Record<string, string>>): void {
  if (!hasUserKeys(spec))
    throw new AppError("invalid_request", `server "${name}" wants no keys of its users`);
  const wanted = userKeysOf(spec);
  const faults: Fault[] = [];
  const fault = (key: string, message: string) => faults.push({ path: `/keys/${key}`, message });
  for (const [key, { isHeader }] of wanted) {
    if (!Object.hasOwn(given, key)) fault(key, "is required");
    else if (given[key]!.trim() === "") fault(key, "is empty");
    else if (isExample(given[key]!)) fault(key, "is a placeholder");
    else if (given[key]!.includes("\0")) fault(key, "has a NUL, which cannot be sent");
    else {
      // A line break in a key would split the header that it is sent in (T14).
      const unsendable = isHeader ? headerFault(given[key]!) : undefined;
      if (unsendable !== undefined) fault(key, unsendable);
    }
  }
  const names = [...wanted.keys()].join(", ");
  for (const key of Object.keys(given))
    if (!wanted.has(key)) fault(key, `is not wanted; the keys are: ${names}`);
  const [first] = faults;
  if (first)
    throw new AppError("invalid_request", `${first.path.slice("/keys/".length)}: ${first.message}`, {
      details: faults,
    });
}
