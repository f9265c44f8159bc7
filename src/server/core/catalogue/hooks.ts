import type { Fault } from "../../../errors.ts";
import type { Kind } from "../../../kinds/define.ts";
import type { Principal } from "../access/policy.ts";
import type { Random } from "../ids.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row, Write } from "../store/types.ts";

/** Reads the values of secrets. `server/secrets` implements it. */
export interface SecretReader {
  /** Returns the values of a secret as its backend has them now. Throws AppError. */
  fresh(secret: Row): Promise<Readonly<Record<string, string>>>;
}

/** Writes the values of secrets beside the old ones, and deletes what no row points at. `server/secrets` implements it. */
export interface SecretWriter {
  /** Writes values to a backend and returns their ref, for the commit that adopts it. Throws AppError. */
  put(backend: Row, secretId: string, data: Readonly<Record<string, string>>): Promise<string>;
  /** Returns the write with which a row takes a ref as its own. */
  adopt(ref: string): Write;
  /** Returns the write with which a row gives a ref up; `discard` follows after the commit. */
  letGo(backend: Row, ref: string): Write;
  /** Deletes the values of a ref that no row has. */
  discard(backend: Row, ref: string): Promise<void>;
}

/** Checks the configs of secret backends. `server/secrets` implements it. */
export interface BackendChecks {
  /**
   * Completes a config in place and returns the faults that only the server can find. Throws AppError where the server
   * cannot have a backend of that type at all.
   */
  checkConfig(type: string, config: Record<string, unknown>): Fault[];
}

/** Services that hooks use besides the draft. */
export interface Services {
  secrets: SecretReader;
  secretWrites: SecretWriter;
  backends: BackendChecks;
  now(): number;
  random: Random;
}

/** Who looks at a row, as of which snapshot, and when (milliseconds). */
export interface View {
  principal: Principal;
  snapshot: Snapshot;
  now: number;
}

/** A row on its way in. Hooks change it, find fault with it, and add what must be written with it. */
export interface Draft<R extends Row = Row> {
  kind: Kind;
  principal: Principal;
  snapshot: Snapshot;
  before: R | undefined;
  /** As it will be written. */
  row: R;
  /** The fields that were sent and differ from what is there, write-only ones among them. */
  given: Readonly<Record<string, unknown>>;
  /** Whether the caller sent a field, changed or not. */
  sent(field: string): boolean;
  /** Any fault refuses the write with 400. */
  faults: Fault[];
  /** Written in the same transaction, before the row. */
  writeFirst: Write[];
  /** Written in the same transaction, after the row. */
  writeAfter: Write[];
  /** Run when it is written. What they throw is logged, not told. */
  afterCommit: (() => Promise<unknown>)[];
  /** Run when it is not. */
  onRefused: (() => Promise<unknown>)[];
  /** Fields for this one answer. */
  answer: Record<string, unknown>;
}

/** What a kind does beyond being stored. */
export interface Hooks<R extends Row = Row> {
  /** Brings what was given into the form that is validated. Runs before everything else. */
  normalise?(given: Record<string, unknown>, before: R | undefined): Record<string, unknown>;
  /** Checks and completes a draft whose fields are valid by themselves. Throws AppError to refuse outright. */
  prepare?(draft: Draft<R>, services: Services): void | Promise<void>;
  /** Refuses a delete with AppError, or adds to what is written. */
  remove?(draft: Draft<R>, services: Services): void | Promise<void>;
  /** The read-only fields of a row, besides its owner, as far as who looks may know them. */
  status?(row: R, view: View): Record<string, unknown>;
  /** Fields that name what who looks may not know of; they are left out. */
  hidden?(row: R, view: View): readonly string[];
}
