import { AppError, type Fault } from "../../../errors.ts";
import type { Kind } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isName, nameRule } from "../../../kinds/names.ts";
import { scopeOf } from "../../../kinds/scopes.ts";
import { validateFields } from "../../../kinds/validate.ts";
import { mayName, meantRows } from "../access/own-names.ts";
import type { Principal } from "../access/policy.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Ref, Row } from "../store/types.ts";
import { hooks } from "./hooks/index.ts";
import type { Draft } from "./hooks.ts";
import { missingTarget } from "./missing-target.ts";
import { present } from "./present.ts";

/** The change that a draft is for. */
export interface DraftOf {
  kind: Kind;
  principal: Principal;
  snapshot: Snapshot;
  before: Row | undefined;
  /** The row to complete. Its id, owner, version and times are set. */
  row: Row;
}

/** Returns a draft without changes, for a delete. */
export function emptyDraft(of: DraftOf): Draft {
  return {
    ...of,
    given: {},
    sent: () => false,
    faults: [],
    writeFirst: [],
    writeAfter: [],
    afterCommit: [],
    onRefused: [],
    noted: {},
    response: {},
  };
}

/** Returns a draft of a new row, with its name and fields checked and defaults filled in. */
export function draftCreate(of: DraftOf, body: Record<string, unknown>): Draft {
  const { name, ...given } = body;
  const draft: Draft = { ...emptyDraft(of), given, sent: (field) => Object.hasOwn(given, field) };
  of.row.name = typeof name === "string" ? name : "";
  if (!isName(of.row.name)) draft.faults.push({ path: "/name", message: nameFault(name) });
  draft.faults.push(...serverSet(of.kind, given).map((field) => fault(field, "is set by the server")));
  fill(draft, {}, given);
  of.row.scope = scopeOf(of.kind, of.row.spec);
  return draft;
}

/**
 * Returns a draft of a changed row. Fields that are sent with the value that a read shows are no changes, so that a
 * caller can read an object, edit it and send all of it.
 */
export function draftUpdate(
  of: DraftOf & { before: Row },
  body: Record<string, unknown>,
  now: number,
): Draft {
  const { kind, before } = of;
  const shown = present(kind, before, { ...of, now });
  const given = Object.fromEntries(
    Object.entries(body).filter(
      ([field, value]) =>
        kind.writeOnly.includes(field) ||
        !(kind.volatile.includes(field) || Bun.deepEquals(shown[field], value)),
    ),
  );
  const draft: Draft = { ...emptyDraft(of), given, sent: (field) => Object.hasOwn(body, field) };
  draft.faults.push(...serverSet(kind, given).map((field) => fault(field, "is set by the server")));
  for (const field of ["name", ...kind.immutable]) {
    if (field in given) draft.faults.push(fault(field, "cannot be changed"));
  }
  const { name: _, ...fields } = given;
  fill(draft, before.spec, fields);
  return draft;
}

/**
 * Returns the references of a draft's row, and a fault for each whose target does not exist or is hidden from the
 * principal. A reference that was there before stays, also where its target is hidden, unless its field was sent: a
 * caller who guesses the name of a hidden target must get the same response as for any other name (T118).
 */
export function resolveReferences(
  draft: Pick<Draft, "kind" | "row" | "snapshot" | "principal"> & Partial<Pick<Draft, "before" | "sent">>,
): {
  refs: Ref[];
  faults: Fault[];
} {
  const refs: Ref[] = [];
  const faults: Fault[] = [];
  const { before, row } = draft;
  // A group of thousands of members is looked through once, not for each of them (T294).
  const standing = new Map(
    (before?.id === row.id ? draft.kind.references(before.spec) : []).map((one) => [one.path, one]),
  );
  // A name that the row has referred to goes on to mean the same row, also where others have taken that name since.
  const held = heldRows(draft.snapshot, row.id);
  for (const reference of draft.kind.references(row.spec)) {
    const { path, kind, name, onDelete } = reference;
    const stood = Bun.deepEquals(standing.get(path), reference) && !draft.sent?.(path.split("/")[1]!);
    const known = held.get(`${kind}/${name}`);
    const stays = known && (stood || mayName(draft.principal, kindOf(kind), known));
    const [target, ...more] = stays
      ? [known]
      : meantRows(draft.snapshot, draft.principal, kindOf(kind), name);
    if (more.length > 0)
      faults.push({
        path,
        message: `there are several ${kindOf(kind).plural} "${name}": give the id of one`,
      });
    else if (target) refs.push({ path, toId: target.id, onDelete });
    else faults.push({ path, message: missingTarget(draft, kindOf(kind), name, faults.length) });
  }
  return { refs, faults };
}

/** Returns the rows that a row refers to, by `kind/name` and `kind/id`. */
function heldRows(snapshot: Snapshot, id: string): ReadonlyMap<string, Row> {
  const rows = snapshot.refsOf(id).flatMap(({ toId }) => snapshot.byId.get(toId) ?? []);
  // Of two with one name the first counts.
  const named = rows
    .toReversed()
    .flatMap((row) => [row.name, row.id].map((name) => [`${row.kind}/${name}`, row] as const));
  return new Map(named);
}

/** The most faults that an answer lists. */
const maxFaults = 20;

/** Returns the error `invalid_request` with the first faults. */
export function invalid(kind: Kind, faults: readonly Fault[]): AppError {
  const [first] = faults;
  const what = first?.path ? `${first.path.slice(1).replaceAll("/", ".")}: ${first.message}` : first?.message;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  return new AppError("invalid_request", `invalid ${kind.kind}: ${what}${more}`, {
    details: faults.slice(0, maxFaults),
  });
}

/** Merges the given fields over the base, checks the result and sets it as the spec of the row. Null clears a field. */
function fill(draft: Draft, base: Record<string, unknown>, given: Record<string, unknown>): void {
  const { kind, row, before } = draft;
  // A map, because assigning `__proto__` to an object does not set a field (T17).
  const entries = new Map(Object.entries(base));
  for (const [field, value] of Object.entries(hooks[kind.kind]?.normalise?.(given, before) ?? given)) {
    if (isServerSet(kind, field)) continue;
    const clears = value === null && Object.hasOwn(kind.fields.properties, field);
    if (clears || value === undefined) entries.delete(field);
    else entries.set(field, value);
  }
  const merged = Object.fromEntries(entries);
  const { fields, faults } = validateFields(kind, merged);
  // Write-only fields are not in the row. Only a create can miss them.
  const stored = (path: string) =>
    before && kind.writeOnly.includes(path.slice(1)) && !(path.slice(1) in merged);
  draft.faults.push(...faults.filter(({ path }) => !stored(path)));
  row.spec = fields;
  for (const field of kind.writeOnly) delete row.spec[field];
  if (kind.visible) row.visibility = fields["visibility"] as Row["visibility"];
}

const fixedFields: ReadonlySet<string> = new Set(["id", "version", "createdAt", "updatedAt"]);

function isServerSet(kind: Kind, field: string): boolean {
  return fixedFields.has(field) || Object.hasOwn(kind.readOnly.properties, field);
}

function serverSet(kind: Kind, given: Record<string, unknown>): string[] {
  return Object.keys(given).filter((field) => isServerSet(kind, field));
}

function fault(field: string, message: string): Fault {
  return { path: `/${field}`, message };
}

function nameFault(name: unknown): string {
  return name === undefined ? "is required" : `must be a name: ${nameRule}`;
}
