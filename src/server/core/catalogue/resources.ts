import type { TObject } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import type { Kind, Resource, WriteOperation } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isId } from "../../../kinds/names.ts";
import { eachInTurns } from "../../../wire/next-turn.ts";
import { grantWords, lacksRight } from "../access/forbidden.ts";
import { ownFirst } from "../access/own-names.ts";
import { decideCreate, decideOn, decideOnRow, decideToShow, isKnown, isShown } from "../access/parts.ts";
import { nobody, type Principal, serverPrincipal, type Verb } from "../access/policy.ts";
import { ownedBy, reserveSize } from "../access/quotas.ts";
import { standing } from "../access/standing.ts";
import { type Caller, changeEvent, ofPrivate } from "../caller.ts";
import { newId } from "../ids.ts";
import { isCondition } from "../store/conditions.ts";
import { rowsNamed } from "../store/rows-named.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { storeFailure } from "../store/store-failure.ts";
import { isOf, type RowOf } from "../store/typed-rows.ts";
import { type Row, StoreError, type Write } from "../store/types.ts";
import type { Catalogue } from "./catalogue.ts";
import { withoutReferences } from "./clear.ts";
import { draftCreate, draftUpdate, emptyDraft, invalid, resolveReferences } from "./draft.ts";
import { hooks } from "./hooks/index.ts";
import type { Draft, Services } from "./hooks.ts";
import { present } from "./present.ts";

/** Attempts of a write that loses against other writes. */
const attempts = 5;

export interface WriteOptions {
  /** Check all that a write checks, and write nothing. */
  dryRun?: boolean;
  /** The user to whom a new row belongs, if not to the caller, who has been found to have all rights of that user. */
  owner?: Principal | undefined;
  /** Returns further writes of the same transaction. It is called again where another write came first. */
  also?: () => readonly Write[];
}

/** Reads and writes of resources of every kind, with the rights of a principal. */
export class Resources {
  readonly #catalogue: Catalogue;
  readonly #services: Services;
  readonly #onError: (error: unknown) => void;

  /** `onError` gets errors of work after a commit, which the caller is not told of. */
  constructor(catalogue: Catalogue, services: Services, onError: (error: unknown) => void) {
    this.#catalogue = catalogue;
    this.#services = services;
    this.#onError = onError;
  }

  /**
   * Returns the rows of a kind that a principal may see, sorted by name: all, or those of some that are given. Many take
   * several turns of the event loop.
   */
  async list<Name extends string>(
    principal: Principal,
    kind: Kind<TObject, Name>,
    some?: readonly RowOf<Name>[],
  ): Promise<RowOf<Name>[]> {
    const { snapshot } = this.#catalogue;
    const shown: RowOf<Name>[] = [];
    await eachInTurns(some ?? snapshot.table(kind.kind).sorted, (row) => {
      const { name, scope } = row;
      if (isShown(decideToShow(snapshot, principal, kind, { name, scope, row }))) shown.push(row);
    });
    return shown;
  }

  /**
   * Finds a row by id or name. The principal needs the verb on the name of the row, also when it gives the id. Of names
   * that each owner has for themself, the principal's own row comes first.
   *
   * @param scope the scope of the name, where the kind is scoped; all scopes are searched if it is left out
   * @throws AppError `forbidden` or `not_found`, in that order
   */
  find<Name extends string>(
    principal: Principal,
    verb: Verb,
    kind: Kind<TObject, Name>,
    idOrName: string,
    scope?: string,
  ): RowOf<Name> {
    const { snapshot } = this.#catalogue;
    const byId = isId(idOrName) ? snapshot.byId.get(idOrName) : undefined;
    const rows = isOf(kind, byId)
      ? [byId]
      : rowsNamed(snapshot.table(kind.kind).sorted, idOrName).filter(
          (row) => scope === undefined || row.scope === scope,
        );
    const decideAbout = (named: Parameters<typeof decideToShow>[3]) =>
      verb === "view"
        ? decideToShow(snapshot, principal, kind, named)
        : decideOn(snapshot, principal, verb, kind, named);
    const allowed = ownFirst(
      principal,
      kind,
      rows.filter((row) => isShown(decideAbout({ name: row.name, scope: row.scope, row }))),
    );
    if (allowed.length > 1) {
      const isOneScope = allowed.every((row) => row.scope === allowed[0]!.scope);
      throw new AppError("conflict", `there are several ${kind.plural} "${idOrName}"`, {
        hint: isOneScope
          ? `give its id: mcpctl get ${kind.plural} -o wide`
          : `say which with ?${kind.scopedBy}=`,
      });
    }
    const row = allowed[0] ?? rows[0];
    const name = row?.name ?? idOrName;
    const decision = decideAbout({ name, scope, row });
    if (decision === "forbidden") throw forbidden(verb, kind, idOrName);
    if (decision === "hidden" || !row) throw notFound(kind, idOrName);
    return row;
  }

  /** Returns a row as the API shows it to a principal now. */
  present(principal: Principal, kind: Kind, row: Row): Resource {
    return present(kind, row, {
      principal,
      snapshot: this.#catalogue.snapshot,
      now: this.#services.now(),
    });
  }

  /**
   * Creates a row. Throws AppError `invalid_request` with every fault, `name_taken` or `forbidden`.
   *
   * @param dryRun checks all that a create checks, and writes nothing: no row, no secret value, no audit event
   */
  async create(
    { principal, requestId }: Caller,
    kind: Kind,
    body: Record<string, unknown>,
    { dryRun = false, owner = principal, also }: WriteOptions = {},
  ): Promise<Resource> {
    const { snapshot } = this.#catalogue;
    const decision = decideCreate(snapshot, principal, kind, kind.scopedBy && body[kind.scopedBy]);
    if (decision === "forbidden") throw forbidden("create", kind);
    const has = ownedBy(snapshot, kind.kind, owner.userId);
    const release = this.#services.quotas.reserve(snapshot, owner, kind.plural, has);
    return await this.#retrying(false, async () => {
      const now = this.#services.now();
      const row: Row = {
        id: newId(kind.idPrefix, now, this.#services.random),
        kind: kind.kind,
        scope: "",
        name: "",
        owner: owner.userId,
        visibility: null,
        spec: {},
        status: {},
        version: 1,
        createdAt: now,
        updatedAt: now,
      };
      const { snapshot } = this.#catalogue;
      const draft = draftCreate({ kind, principal, snapshot, before: undefined, row }, body);
      draft.writeAfter.push(...(also?.() ?? []));
      await this.#write(draft, requestId, dryRun);
      return { ...this.present(principal, kind, row), ...(!dryRun && draft.response) };
    }).finally(release);
  }

  /**
   * Changes the given fields of a row; null clears a field. A `version` in the body must be the current one. Where no
   * field changes, or in a dry run, nothing is written.
   */
  update(
    caller: Caller,
    kind: Kind,
    idOrName: string,
    body: Record<string, unknown>,
    scope?: string,
    { dryRun = false, also }: WriteOptions = {},
  ): Promise<Resource> {
    const { version, ...given } = body;
    if (version !== undefined && !Number.isSafeInteger(version)) {
      throw invalid(kind, [{ path: "/version", message: "must be an integer" }]);
    }
    return this.#retrying(version !== undefined, async () => {
      const before = this.find(caller.principal, "update", kind, idOrName, scope);
      if (version !== undefined && version !== before.version) throw stale(kind, before.name);
      const now = this.#services.now();
      const row = { ...before, version: before.version + 1, updatedAt: now };
      const { snapshot } = this.#catalogue;
      const draft = draftUpdate({ kind, principal: caller.principal, snapshot, before, row }, given, now);
      draft.writeAfter.push(...(also?.() ?? []));
      const written = await this.#write(draft, caller.requestId, dryRun);
      return { ...this.present(caller.principal, kind, written), ...(!dryRun && draft.response) };
    });
  }

  /**
   * Deletes a row; in a dry run only checks it. Throws AppError `still_referenced` with the names of referrers that the
   * caller may see.
   */
  remove(
    caller: Caller,
    kind: Kind,
    idOrName: string,
    scope?: string,
    { dryRun = false }: Pick<WriteOptions, "dryRun"> = {},
  ): Promise<void> {
    return this.#retrying(false, async () => {
      const row = this.find(caller.principal, "delete", kind, idOrName, scope);
      const { snapshot } = this.#catalogue;
      const draft = emptyDraft({ kind, principal: caller.principal, snapshot, before: row, row });
      await hooks[kind.kind]?.remove?.(draft, this.#services);
      const going = new Set([row.id]);
      for (const write of draft.writeFirst) if (write.op === "delete") going.add(write.id);
      const pointers = [...going]
        .flatMap((id) => snapshot.pointersTo.get(id) ?? [])
        .filter(({ fromId }) => !going.has(fromId));
      const standing = pointers.filter(({ onDelete }) => onDelete === "restrict");
      if (standing.length > 0) throw this.#stillReferenced(draft, standing);
      const cleared: Write[] = [];
      await eachInTurns(
        Map.groupBy(pointers, ({ fromId }) => fromId),
        ([fromId, list]) => {
          const from = snapshot.byId.get(fromId)!;
          const next = withoutReferences(kindOf(from.kind), from, list, this.#services.now());
          const { refs } = resolveReferences({
            ...draft,
            kind: kindOf(from.kind),
            row: next,
            // References that stay were there before, also those that the caller may not see.
            principal: serverPrincipal,
          });
          cleared.push({ op: "update", row: next, refs });
        },
      );
      if (dryRun) return;
      const self: Write = { op: "delete", id: row.id, version: row.version };
      // Rows that are deleted along with it may have referrers too: those are cleared first.
      const along = draft.writeFirst.filter((write) => !isCondition(write));
      draft.writeFirst = draft.writeFirst.filter(isCondition);
      await this.#commit(draft, "delete", caller.requestId, [...cleared, ...along, self], []);
    });
  }

  /**
   * Completes a draft and writes it, unless it is a dry run. Returns the row as it now is: the old one if nothing has
   * changed.
   */
  async #write(draft: Draft, requestId: string, dryRun: boolean): Promise<Row> {
    const { kind, row, before } = draft;
    if (draft.faults.length > 0) throw invalid(kind, draft.faults);
    try {
      await hooks[kind.kind]?.prepare?.(draft, dryRun ? withoutWrites(this.#services) : this.#services);
      const { refs, faults } = resolveReferences(draft);
      draft.faults.push(...faults);
      if (draft.faults.length > 0) throw invalid(kind, draft.faults);
      const same = before && Bun.deepEquals([before.spec, before.status], [row.spec, row.status]);
      if (same && draft.writeFirst.length + draft.writeAfter.length === 0) return before;
      const fields = before ? changedFields(draft) : [];
      const { snapshot, principal } = draft;
      const release = reserveSize(this.#services.quotas, snapshot, principal, [{ before, row }]);
      if (dryRun) {
        release();
        if (!before && isTaken(snapshot, kind, row)) throw nameTaken(kind, row.name);
        for (const undo of draft.onRefused) await undo().catch(this.#onError);
        return row;
      }
      const commit = this.#commit(
        draft,
        before ? "update" : "create",
        requestId,
        [{ op: before ? "update" : "insert", row, refs }],
        fields,
      );
      await commit.finally(release);
      return row;
    } catch (error) {
      for (const undo of draft.onRefused) await undo().catch(this.#onError);
      throw error instanceof StoreError && error.refusal === "taken" ? nameTaken(kind, row.name) : error;
    }
  }

  /** Commits the writes of a draft with their audit event, in one transaction. */
  async #commit(
    draft: Draft,
    action: WriteOperation,
    requestId: string,
    writes: readonly Write[],
    fields: string[],
  ): Promise<void> {
    const caller = { principal: draft.principal, requestId };
    const isPrivate = !isKnown(draft.snapshot, nobody, draft.row);
    const noted = { ...ofPrivate(isPrivate), ...draft.noted };
    const event = changeEvent(caller, action, draft.row, this.#services.now(), fields, noted);
    await this.#catalogue.commit([
      ...standing(draft.principal),
      ...draft.writeFirst,
      ...writes,
      ...draft.writeAfter,
      { op: "audit", event },
    ]);
    for (const work of draft.afterCommit) await work().catch(this.#onError);
  }

  /** Does a write again where another write came first; not if `once`: the caller has given a version. */
  async #retrying<T>(once: boolean, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        const passing =
          error.refusal === "stale" || error.refusal === "referenced" || error.refusal === "dangling";
        if (!passing || once || attempt === attempts) throw storeFailure(error);
        await this.#catalogue.refresh();
      }
    }
  }

  #stillReferenced(
    { principal, snapshot, kind, row }: Draft,
    pointers: readonly { fromId: string }[],
  ): AppError {
    const rows = pointers.map(({ fromId }) => snapshot.byId.get(fromId)!);
    const shown = rows.filter(
      (from) => decideOnRow(snapshot, principal, "view", kindOf(from.kind), from) === "allow",
    );
    const names = shown.map((from) => {
      const { partOf } = kindOf(from.kind);
      return `${from.kind} "${from.name}"${partOf === undefined ? "" : ` of ${partOf} "${from.scope}"`}`;
    });
    const hidden = rows.length - shown.length;
    if (hidden > 0) names.push(`${hidden} that you may not see`);
    return new AppError(
      "still_referenced",
      `${kind.kind} "${row.name}" is still used by ${names.join(", ")}`,
    );
  }
}

/** True if the name of a new row stands already. That of another owner's token does not count, and is not told (T178). */
function isTaken(snapshot: Snapshot, { kind, ownedNames }: Kind, { name, scope, owner }: Row): boolean {
  if (!ownedNames) return snapshot.named(kind, name, scope) !== undefined;
  const rows: readonly Row[] = snapshot.table(kind).sorted;
  return rowsNamed(rows, name).some((row) => row.scope === scope && row.owner === owner);
}

function nameTaken({ kind }: Kind, name: string): AppError {
  return new AppError("name_taken", `${kind} "${name}" exists already`);
}

/** Returns services that write no values of secrets. */
function withoutWrites(services: Services): Services {
  const { secretWrites } = services;
  return {
    ...services,
    secretWrites: {
      put: async () => "",
      adopt: (ref) => secretWrites.adopt(ref),
      letGo: (backend, ref) => secretWrites.letGo(backend, ref),
      discard: async () => undefined,
    },
  };
}

/** Returns the names of the fields whose values have changed, with the write-only fields that were sent. */
function changedFields({ before, row, given, kind }: Draft): string[] {
  const fields = Object.keys(kind.fields.properties);
  return fields.filter((field) =>
    kind.writeOnly.includes(field) ? field in given : !Bun.deepEquals(before?.spec[field], row.spec[field]),
  );
}

function stale(kind: Kind, name: string): AppError {
  return new AppError("stale_version", `${kind.kind} "${name}" has been changed in the meantime`, {
    hint: "read it again",
  });
}

export function notFound(kind: Kind, idOrName: string): AppError {
  return new AppError("not_found", `${kind.kind} "${idOrName}" not found`);
}

export function forbidden(verb: Verb, kind: Kind, idOrName?: string): AppError {
  const what = idOrName === undefined ? kind.plural : `${kind.kind} "${idOrName}"`;
  return lacksRight(`${verb} ${what}`, grantWords(verb, kind.plural, idOrName));
}
