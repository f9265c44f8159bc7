import type { Fault } from "../../../errors.ts";
import type { Kind } from "../../../kinds/define.ts";
import type { SecretValues } from "../../secrets/secret-values.ts";
import type { SecretWrites } from "../../secrets/secret-writes.ts";
import type { Principal } from "../access/policy.ts";
import type { Random } from "../ids.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row, Write } from "../store/types.ts";

/** What hooks may use besides the draft. */
export interface Services {
  secrets: SecretValues;
  secretWrites: SecretWrites;
  /** Whether there is a master key to seal secrets with. */
  hasMasterKey(): boolean;
  /** Whether a URL leads to this server itself. */
  isSelf(url: URL): boolean;
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
export interface Draft {
  kind: Kind;
  principal: Principal;
  snapshot: Snapshot;
  before: Row | undefined;
  /** As it will be written. */
  row: Row;
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
export interface Hooks {
  /** Brings what was given into the form that is validated. Runs before everything else. */
  normalise?(given: Record<string, unknown>, before: Row | undefined): Record<string, unknown>;
  /** Checks and completes a draft whose fields are valid by themselves. Throws AppError to refuse outright. */
  prepare?(draft: Draft, services: Services): void | Promise<void>;
  /** Refuses a delete with AppError, or adds to what is written. */
  remove?(draft: Draft, services: Services): void | Promise<void>;
  /** The read-only fields of a row, besides its owner, as far as who looks may know them. */
  status?(row: Row, view: View): Record<string, unknown>;
  /** Fields that name what who looks may not know of; they are left out. */
  hidden?(row: Row, view: View): readonly string[];
}
