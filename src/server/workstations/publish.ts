import { AppError, type Fault } from "../../errors.ts";
import { agent } from "../../kinds/agent.ts";
import type { Kind } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { validateFields } from "../../kinds/validate.ts";
import { decide, isVisible, type Principal } from "../core/access/policy.ts";
import { type Caller, changeEvent } from "../core/caller.ts";
import { newId, type Random } from "../core/ids.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isOf } from "../core/store/typed-rows.ts";
import type { AuditEvent, Ref, Row, Write } from "../core/store/types.ts";
import type { PublishedLlm, PublishedResource, Registration } from "./registration.ts";
import { isCallable, removable, rowsOf, withStatus } from "./virtual-rows.ts";

/** Who publishes what, and how things stand. */
export interface PublishOptions {
  snapshot: Snapshot;
  caller: Caller;
  sessionId: string;
  registration: Pick<Registration, "llms" | "personas">;
  /** What an llm's status is to be. */
  statusOf(publication: PublishedLlm): string;
  /** Whether another session of the publisher's still has a claim to its rows. */
  isHeld(sessionId: string): boolean;
  /** Milliseconds. */
  now: number;
  random: Random;
}

/**
 * Works out what a registration changes: rows that are new, rows that are taken up again, with the visibility and
 * the settings that they have, and rows that are published no longer. What another row still points at is not
 * deleted: nobody can call it, and it goes later.
 *
 * @throws AppError `forbidden` without `expose`; `name_taken` with every name that is somebody else's, or another
 *   agent's that is still there; `invalid_request` for a persona on an llm that its publisher cannot see
 */
export function planPublication(publishing: PublishOptions): Write[] {
  const { snapshot, caller, sessionId, registration, now } = publishing;
  const { llms, personas } = registration;
  for (const publication of [...llms, ...personas]) mayPublish(caller.principal, publication, snapshot);
  refuseTaken(publishing);

  const events: AuditEvent[] = [];
  const puts: Write[] = [];
  const published = new Map<string, string>();
  for (const publication of llms) {
    const before = snapshot.named("llm", publication.name);
    const capabilities = publication.capabilities ?? before?.status.capabilities;
    const status = {
      origin: "virtual",
      status: publishing.statusOf(publication),
      session: sessionId,
      ...(capabilities !== undefined && { capabilities }),
    };
    const row = rowOf(publishing, publication, before, status);
    published.set(row.name, row.id);
    // It points at nothing: the key is its agent's.
    put(publishing, publication.kind, before, row, [], puts, events);
  }

  const kept = new Set([...llms, ...personas].map(({ kind, name }) => `${kind.kind}/${name}`));
  const going = rowsOf(snapshot, sessionId).filter(({ kind, name }) => !kept.has(`${kind}/${name}`));
  const stayingPersonas = new Set<string>();
  const faults: Fault[] = [];
  for (const publication of personas) {
    const before = snapshot.named("agent", publication.name);
    const status = { ...before?.status, origin: "virtual", session: sessionId };
    const row = rowOf(publishing, publication, before, status);
    stayingPersonas.add(row.id);
    put(
      publishing,
      publication.kind,
      before,
      row,
      refsOf(publishing, publication, row, before, published, going, faults),
      puts,
      events,
    );
  }
  if (faults.length > 0)
    throw new AppError("invalid_request", `invalid registration: ${faults[0]!.message}`, { details: faults });

  // A persona that stays points at none of them, or has let go of it by then.
  const deleted = removable(snapshot, going, stayingPersonas);
  for (const row of deleted) events.push(changeEvent(caller, "delete", row, now));
  const left = going.filter((row) => !deleted.includes(row) && isCallable(row));
  return [
    ...puts,
    ...left.map((row) => withStatus(snapshot, row, "inactive", now)),
    ...deleted.map(({ id, version }): Write => ({ op: "delete", id, version })),
    ...events.map((event): Write => ({ op: "audit", event })),
  ];
}

function mayPublish(principal: Principal, { kind, name }: PublishedResource, snapshot: Snapshot): void {
  if (decide(principal, "expose", kind.plural, name, snapshot.named(kind.kind, name)) === "forbidden")
    throw new AppError("forbidden", `publishing ${kind.kind} "${name}" needs expose on it`);
}

/** A row that is not there is free; so is the publisher's own, unless another agent of theirs has it. */
function refuseTaken({ snapshot, caller, sessionId, registration, isHeld }: PublishOptions): void {
  const details = [...registration.llms, ...registration.personas].flatMap(
    ({ kind, path, name }): Fault[] => {
      const row = snapshot.named(kind.kind, name);
      if (!row) return [];
      const fault = (message: string): Fault[] => [{ path: `${path}/name`, message }];
      const { origin, session } = row.status;
      if (origin !== "virtual" || row.owner !== caller.principal.userId)
        return fault(`${kind.kind} "${name}" is there already, and not yours to publish`);
      return session !== sessionId && isHeld(String(session))
        ? fault(`${kind.kind} "${name}" is published by another agent of yours`)
        : [];
    },
  );
  if (details.length === 0) return;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : "";
  throw new AppError("name_taken", `${details[0]!.message}${more}`, {
    details,
    hint: "publish it under another name: publishName",
  });
}

/** The row as it is to be: a new one with the kind's defaults, or the one that is there with what was given. */
function rowOf(
  { caller, now, random }: PublishOptions,
  { kind, name, given, visibility }: PublishedResource,
  before: Row | undefined,
  status: Row["status"],
): Row {
  if (before)
    return {
      ...before,
      spec: { ...before.spec, ...given },
      status,
      version: before.version + 1,
      updatedAt: now,
    };
  return {
    id: newId(kind.idPrefix, now, random),
    kind: kind.kind,
    scope: "",
    name,
    owner: caller.principal.userId,
    visibility,
    spec: validateFields(kind, { ...given, visibility }).fields,
    status,
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}

/** Adds what there is to write for a row: nothing when it is as it was. */
function put(
  { caller, now }: PublishOptions,
  kind: Kind,
  before: Row | undefined,
  row: Row,
  refs: Ref[],
  puts: Write[],
  events: AuditEvent[],
): void {
  if (!before) {
    puts.push({ op: "insert", row, refs });
    events.push(changeEvent(caller, "create", row, now));
    return;
  }
  if (Bun.deepEquals([before.spec, before.status], [row.spec, row.status])) return;
  puts.push({ op: "update", row, refs });
  const fields = Object.keys(kind.fields.properties).filter(
    (field) => !Bun.deepEquals(before.spec[field], row.spec[field]),
  );
  // That an agent is back is no change of what it publishes.
  if (fields.length > 0) events.push(changeEvent(caller, "update", row, now, fields));
}

/**
 * What a persona points at: an llm that is published with it, or one that its publisher may see. Its calls are made
 * with its publisher's right to the llm, so that choosing one needs that right.
 */
function refsOf(
  { snapshot, caller: { principal } }: PublishOptions,
  { kind, path: where }: PublishedResource,
  row: Row,
  before: Row | undefined,
  published: ReadonlyMap<string, string>,
  going: readonly Row[],
  faults: Fault[],
): Ref[] {
  return kind.references(row.spec).flatMap(({ path, kind: wanted, name, onDelete }): Ref[] => {
    const own = wanted === "llm" ? published.get(name) : undefined;
    if (own !== undefined) return [{ path, toId: own, onDelete }];
    const target = snapshot.named(wanted, name);
    const { plural } = kindOf(wanted);
    if (!target || going.includes(target) || !isVisible(principal, plural, target)) {
      const field = path === "/llm" ? "/llmName" : path;
      faults.push({ path: `${where}${field}`, message: `there is no ${wanted} "${name}"` });
      return [];
    }
    const chooses = wanted === "llm" && !(isOf(agent, before) && before.spec.llm === name);
    if (chooses && decide(principal, "run", plural, name, target) !== "allow")
      throw new AppError("forbidden", `you may not run llm "${name}"`);
    return [{ path, toId: target.id, onDelete }];
  });
}
