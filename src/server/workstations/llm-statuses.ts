import { llm } from "../../kinds/llm.ts";
import { mcpServer } from "../../kinds/mcp-server.ts";
import { isObject } from "../../wire/json.ts";
import type { LlmState } from "../../wire/link/registration.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { RowWrites } from "../core/catalogue/row-writes.ts";
import { isOf } from "../core/store/typed-rows.ts";
import type { Row, Write } from "../core/store/types.ts";
import type { Leases } from "./leases.ts";
import type { Registration } from "./registration.ts";
import type { SessionState } from "./session-registry.ts";
import { isCallable, rowsOf, withServerState, withStatus } from "./virtual-rows.ts";

/**
 * Reports of one session are written at once this many times within `writesMs`; further ones wait for the next check.
 */
const maxWrites = 20;
const writesMs = 10_000;

const statuses: readonly unknown[] = ["active", "inactive", "hibernating"] satisfies LlmState["status"][];

interface StatusesOptions {
  catalogue: Catalogue;
  now(): number;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  onError(error: unknown): void;
}

/**
 * The status of each virtual llm: as its agent reports it while the agent is connected, else `inactive`. That of each
 * virtual MCP server follows the connection, too.
 */
export class LlmStatuses {
  readonly #catalogue: Catalogue;
  readonly #leases: Leases;
  readonly #writes: RowWrites;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #settling = new Map<SessionState, Promise<void>>();

  constructor({ catalogue, now, elapsed, onError }: StatusesOptions, leases: Leases, writes: RowWrites) {
    this.#catalogue = catalogue;
    this.#leases = leases;
    this.#writes = writes;
    this.#now = now;
    this.#elapsed = elapsed;
    this.#onError = onError;
  }

  /**
   * Returns the status that an llm must have.
   *
   * @param current the status that it has
   */
  of(state: SessionState, name: string, current: unknown): string {
    if (state.isAttached && !state.isDraining)
      return state.reports.get(name)?.status ?? (current === "hibernating" ? "hibernating" : "active");
    // Another server may have the session, or its agent may be about to come back.
    return this.isElsewhere(state) ? String(current) : "inactive";
  }

  /**
   * Returns true if an MCP server can be called.
   *
   * @param before its row; undefined if it is new
   */
  isOnline(state: SessionState, before: Row | undefined): boolean {
    if (state.isAttached && !state.isDraining) return true;
    return this.isElsewhere(state) && before !== undefined && isCallable(before);
  }

  /** True if the session may belong to another server, so that this one must not change its llms. */
  isElsewhere({ isHere, heardElsewhereAt }: SessionState): boolean {
    return !isHere && !this.#leases.isOver(heardElsewhereAt);
  }

  /** Writes the changed statuses of a session, in turn with other writes. Never throws: the next check tries again. */
  settle(state: SessionState): Promise<void> {
    // A write that still waits for its turn includes this change.
    const waiting = this.#settling.get(state);
    if (waiting) return waiting;
    const settled = this.#writes
      .inTurn(() => {
        this.#settling.delete(state);
        return this.write([state]);
      })
      .catch(this.#onError);
    this.#settling.set(state, settled);
    return settled;
  }

  /**
   * Writes statuses after a report of an agent, as `settle` does. Reports that change too often wait for the next
   * check: a commit for each of them would hold up all other writes.
   */
  async settleReport(state: SessionState): Promise<void> {
    if (this.#changes(state).length === 0) return;
    const at = this.#elapsed();
    if (at - state.writes.since > writesMs) state.writes = { since: at, count: 0 };
    if (++state.writes.count <= maxWrites) await this.settle(state);
  }

  /** Writes the changed statuses of some sessions. Throws StoreError. */
  write(registry: readonly SessionState[]): Promise<void> {
    return this.#writes.commit(() => registry.flatMap((state) => this.#changes(state)));
  }

  #changes(state: SessionState): Write[] {
    const { snapshot } = this.#catalogue;
    return rowsOf(snapshot, state.session.id).flatMap((row) => {
      if (isOf(mcpServer, row)) {
        const isOnline = this.isOnline(state, row);
        return isOnline === isCallable(row) ? [] : [withServerState(snapshot, row, isOnline, this.#now())];
      }
      if (!isOf(llm, row)) return [];
      const status = this.of(state, row.name, row.status.status);
      return status === row.status.status ? [] : [withStatus(snapshot, row, status, this.#now())];
    });
  }
}

/** Decodes the state that an agent reports of an llm. Returns undefined if it is not valid. */
export function stateOf(reported: unknown): LlmState | undefined {
  if (!isObject(reported)) return undefined;
  const { status, resident, inFlight } = reported;
  if (!statuses.includes(status)) return undefined;
  return {
    status: status as LlmState["status"],
    ...(typeof resident === "boolean" && { resident }),
    ...(Number.isSafeInteger(inFlight) && (inFlight as number) >= 0 && { inFlight: inFlight as number }),
  };
}

/**
 * Returns the states of the llms of an agent that has just registered: from the registration, then from earlier
 * reports.
 */
export function reportsAfter(
  before: ReadonlyMap<string, LlmState>,
  { llms, defaultStatus }: Pick<Registration, "llms" | "defaultStatus">,
): Map<string, LlmState> {
  return new Map(
    llms.map(({ name, initialStatus }) => {
      const earlier = before.get(name);
      return [name, { ...earlier, status: initialStatus ?? earlier?.status ?? defaultStatus }];
    }),
  );
}
