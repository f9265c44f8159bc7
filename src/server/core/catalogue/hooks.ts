import type { Fault } from "../../../errors.ts";
import type { Kind } from "../../../kinds/define.ts";
import type { Passwords } from "../access/passwords.ts";
import type { Principal } from "../access/policy.ts";
import type { Quotas } from "../access/quotas.ts";
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
  quotas: Quotas;
  passwords: Passwords;
  /** Returns the newest snapshot: that of a draft is older after an await. */
  snapshot(): Snapshot;
  /** True for a URL that leads to this server. */
  isSelf(url: URL): boolean;
  now(): number;
  random: Random;
}

/** A read of a row. */
export interface View {
  /** The reader. */
  principal: Principal;
  snapshot: Snapshot;
  /** Milliseconds since 1970. */
  now: number;
}

/** A write that is being prepared. Hooks complete the row, add faults, and add writes to the same transaction. */
export interface Draft<R extends Row = Row> {
  kind: Kind;
  principal: Principal;
  snapshot: Snapshot;
  before: R | undefined;
  /** The row as it will be written. */
  row: R;
  /** The fields that were sent and differ from the row before, with all write-only fields that were sent. */
  given: Readonly<Record<string, unknown>>;
  /** Returns true if the caller sent a field, changed or not. */
  sent(field: string): boolean;
  /** Faults in the fields. With any fault, the write is refused with 400. */
  faults: Fault[];
  /** Writes of the same transaction, before the row. */
  writeFirst: Write[];
  /** Writes of the same transaction, after the row. */
  writeAfter: Write[];
  /** Work for after the commit. Its errors are logged; the caller does not get them. */
  afterCommit: (() => Promise<unknown>)[];
  /** Work for when the write is refused. */
  onRefused: (() => Promise<unknown>)[];
  /** Facts for the audit event of the write, besides the names of the changed fields. */
  noted: Record<string, unknown>;
  /** Fields that only the response to this write has. */
  response: Record<string, unknown>;
}

/** Behaviour of a kind beyond its descriptor. */
export interface Hooks<R extends Row = Row> {
  /** Returns the given fields in the form that is validated. Runs before all other checks. */
  normalise?(given: Record<string, unknown>, before: R | undefined): Record<string, unknown>;
  /** Checks and completes a draft whose fields are valid by themselves. Throws AppError to refuse the write. */
  prepare?(draft: Draft<R>, services: Services): void | Promise<void>;
  /** Adds writes to a delete. Throws AppError to refuse it. */
  remove?(draft: Draft<R>, services: Services): void | Promise<void>;
  /**
   * Returns the read-only fields of a row, besides its owner, as far as the reader may know them. A field that users set
   * too is shown with the value from here.
   */
  status?(row: R, view: View): Record<string, unknown>;
  /**
   * Returns the row of another kind whose read-only fields tell about this row. Those who watch that kind learn of a change
   * of this row as a change of that one.
   */
  shownIn?(row: R): { kind: string; name: string };
  /** Returns the names of fields that are left out, because they name a row that is hidden from the reader. */
  hidden?(row: R, view: View): readonly string[];
}
