import { AppError, type Fault } from "../../errors.ts";
import { agent } from "../../kinds/agent.ts";
import type { Kind } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { validateFields } from "../../kinds/validate.ts";
import { decide, isVisible, type Principal } from "../core/access/policy.ts";
import { ownedBy, type Quotas, reserveSize } from "../core/access/quotas.ts";
import { type Caller, changeEvent } from "../core/caller.ts";
import { admissionWrites, checkNames, keepAdmissions, namesStand } from "../core/catalogue/pool-names.ts";
import { newId, type Random } from "../core/ids.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isOf, type LlmRow } from "../core/store/typed-rows.ts";
import type { AuditEvent, Ref, Row, Write } from "../core/store/types.ts";
import type { PublishedLlm, PublishedResource, Registration } from "./registration.ts";
import { asAway, isCallable, removable, rowsOf } from "./virtual-rows.ts";
import { publishedStatus } from "./virtual-servers.ts";

/** Options of `planPublication`. */
export interface PublishOptions {
  snapshot: Snapshot;
  quotas: Quotas;
  caller: Caller;
  sessionId: string;
  registration: Pick<Registration, "llms" | "personas" | "servers" | "about">;
  /** Returns the status that a published llm must have. */
  statusOf(publication: PublishedLlm): string;
  /** Returns true if a published MCP server can be called now. `before` is its row, if it has one. */
  isOnline(before: Row | undefined): boolean;
  /** Returns true if another session of the publisher still has a right to its rows. */
  isHeld(sessionId: string): boolean;
  /** Milliseconds since 1970. */
  now: number;
  random: Random;
}

/**
 * Plans the writes of a registration: it adds new rows, updates rows that exist, which keep their visibility and their
 * settings, and deletes rows that are no longer published. A row that another row still refers to is not deleted now:
 * it becomes inactive, and is deleted later.
 *
 * @throws AppError `forbidden` without `expose`; `name_taken` with every name that belongs to somebody else, or to
 *   another agent that is still connected; `invalid_request` for a persona on an llm that its publisher cannot see
 */
export function planPublication(publishing: PublishOptions): Write[] {
  const { snapshot, caller, sessionId, registration, now } = publishing;
  const { llms, personas, servers, about } = registration;
  const all = [...llms, ...personas, ...servers];
  for (const publication of all) mayPublish(caller.principal, publication, snapshot);
  refuseTaken(publishing);

  const events: AuditEvent[] = [];
  const puts: Write[] = [];
  const admitting = new Map<string, LlmRow>();
  const published = new Map<string, string>();
  for (const publication of llms) {
    const before = snapshot.named("llm", publication.name);
    const { poolName } = publication.given;
    const newcomer = {
      principal: caller.principal,
      snapshot,
      before,
      name: publication.name,
      owner: caller.principal.userId,
      poolName: typeof poolName === "string" ? poolName : undefined,
      aliases: [],
    };
    checkNames(newcomer);
    puts.push(...namesStand(newcomer));
    keepAdmissions(newcomer, admitting);
    const capabilities = publication.capabilities ?? before?.status.capabilities;
    const status = {
      origin: "virtual",
      status: publishing.statusOf(publication),
      session: sessionId,
      ...about,
      ...(capabilities !== undefined && { capabilities }),
      ...(before?.status.admitted && { admitted: before.status.admitted }),
    };
    const row = rowOf(publishing, publication, before, status);
    published.set(row.name, row.id);
    // A virtual llm has no reference to a secret: its agent has the key.
    put(publishing, publication.kind, before, row, [], puts, events);
  }

  for (const publication of servers) {
    const before = snapshot.named("server", publication.name);
    const isOnline = publishing.isOnline(before);
    const status = publishedStatus(before, publication, { sessionId, isOnline, now, about });
    put(
      publishing,
      publication.kind,
      before,
      rowOf(publishing, publication, before, status),
      [],
      puts,
      events,
    );
  }

  const staying = new Set(all.map(({ kind, name }) => `${kind.kind}/${name}`));
  const going = rowsOf(snapshot, sessionId).filter(({ kind, name }) => !staying.has(`${kind}/${name}`));
  const stayingPersonas = new Set<string>();
  const faults: Fault[] = [];
  for (const publication of personas) {
    const before = snapshot.named("agent", publication.name);
    const status = { origin: "virtual", session: sessionId, ...about };
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

  // A persona that stays does not refer to them, or gives its reference up in the same transaction.
  const deleted = removable(snapshot, going, stayingPersonas);
  checkQuotas(publishing, puts, deleted);
  for (const row of deleted) events.push(changeEvent(caller, "delete", row, now));
  const inactive = going.filter((row) => !deleted.includes(row) && isCallable(row));
  return [
    ...puts,
    ...admissionWrites(snapshot, admitting),
    ...inactive.map((row) => asAway(snapshot, row, now)),
    ...deleted.map(({ id, version }): Write => ({ op: "delete", id, version })),
    ...events.map((event): Write => ({ op: "audit", event })),
  ];
}

/** Throws AppError `conflict` if the publisher would own too many rows of a kind. */
function checkQuotas(
  { snapshot, quotas, caller: { principal } }: PublishOptions,
  puts: readonly Write[],
  deleted: readonly Row[],
): void {
  const added = puts.flatMap((write) => (write.op === "insert" ? [write.row] : []));
  for (const [kind, rows] of Map.groupBy(added, (row) => row.kind)) {
    const going = deleted.filter((row) => row.kind === kind).length;
    const has = ownedBy(snapshot, kind, principal.userId) - going;
    quotas.reserve(snapshot, principal, kindOf(kind).plural, has, rows.length)();
  }
  const changed = puts.flatMap((write) =>
    write.op === "insert" || write.op === "update"
      ? [{ before: snapshot.byId.get(write.row.id), row: write.row }]
      : [],
  );
  // Registrations wait for each other, so that none of them needs the reservation after this.
  reserveSize(quotas, snapshot, principal, changed)();
}

function mayPublish(principal: Principal, { kind, name }: PublishedResource, snapshot: Snapshot): void {
  if (decide(principal, "expose", kind.plural, name, snapshot.named(kind.kind, name)) === "forbidden")
    throw new AppError("forbidden", `publishing ${kind.kind} "${name}" needs expose on it`);
}

/** Throws `name_taken` for names that are in use, unless the publisher has them and no other agent publishes them. */
function refuseTaken({ snapshot, caller, sessionId, registration, isHeld }: PublishOptions): void {
  const { llms, personas, servers } = registration;
  const details = [...llms, ...personas, ...servers].flatMap(({ kind, path, name }): Fault[] => {
    const row = snapshot.named(kind.kind, name);
    if (!row) return [];
    const fault = (message: string): Fault[] => [{ path: `${path}/name`, message }];
    const { origin, session } = row.status;
    if (origin !== "virtual" || row.owner !== caller.principal.userId)
      return fault(`${kind.kind} "${name}" exists already, and you do not publish it`);
    return session !== sessionId && isHeld(String(session))
      ? fault(`${kind.kind} "${name}" is published by another agent of yours`)
      : [];
  });
  if (details.length === 0) return;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : "";
  throw new AppError("name_taken", `${details[0]!.message}${more}`, {
    details,
    hint: "publish it under another name: publishName",
  });
}

/**
 * Returns the row to write: a new row with the defaults of its kind, or the existing row with the fields that were
 * sent.
 */
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

/** Adds the write and the audit event of a row, unless the row has not changed. */
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
  // A reconnect changes the status only, and is not audited.
  if (fields.length > 0) events.push(changeEvent(caller, "update", row, now, fields));
}

/**
 * Returns the references of a persona: to an llm that is published with it, or to one that its publisher may see. Calls
 * of the persona use the publisher's right to run the llm, so the publisher must have that right.
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
