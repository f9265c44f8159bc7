import { kindOf } from "../../kinds/index.ts";
import { isKnown } from "../core/access/parts.ts";
import { decide, isAdministrator, type Principal } from "../core/access/policy.ts";
import { rulesFor } from "../core/access/rules.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { AuditEvent, Row } from "../core/store/types.ts";
import { billedUnits, unsummedUnits } from "../core/store/usage.ts";
import { type RecordName, recordNames } from "./record-names.ts";

/** Reads the names of the users and tokens of some events, also of those that are deleted. */
export function actorNames(
  catalogue: Pick<Catalogue, "snapshot" | "store">,
  events: readonly AuditEvent[],
): ReturnType<typeof recordNames> {
  return recordNames(
    catalogue,
    events.flatMap(({ userId, tokenId }) => [userId, tokenId]),
  );
}

/**
 * An audit event as the API returns it to a principal; undefined if it names a row that the principal may not see.
 *
 * @param nameOf the names of the event's user and token
 */
export function visibleEvent(
  snapshot: Snapshot,
  principal: Principal,
  event: AuditEvent,
  nameOf: (id: string | null) => RecordName | undefined,
): object | undefined {
  const hidden = subjects(snapshot, event).some((row) => !isKnown(snapshot, principal, row));
  if (hidden || (isOfGonePrivate(snapshot, event) && !isOwn(principal, event))) return undefined;
  const user = nameOf(event.userId);
  const token = nameOf(event.tokenId);
  const shown = isAdministrator(principal)
    ? event
    : withoutHiddenServers(snapshot, principal, withoutProviders(event));
  return {
    ...shown,
    ...liftedDetail(event),
    at: new Date(event.at).toISOString(),
    user: user?.name ?? null,
    ...(user?.deletedAt !== undefined && { userDeletedAt: user.deletedAt }),
    ...(token && { token: token.name }),
    ...(token?.deletedAt !== undefined && { tokenDeletedAt: token.deletedAt }),
  };
}

/**
 * Returns the facts of a call that have no column of their own. They are in the detail, because few calls have them and
 * every column makes the insert that a call waits for more expensive.
 */
function liftedDetail({ action, costMicros, detail }: AuditEvent): object {
  if (action !== "llm_inference_call") return {};
  const { estimated, cacheWriteTokens } = detail ?? {};
  const units = [...billedUnits, ...unsummedUnits].filter((unit) => detail?.[unit] !== undefined);
  return {
    ...(costMicros !== undefined && { cost: costMicros / 1e6 }),
    ...(estimated === true && { estimated }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...Object.fromEntries(units.map((unit) => [unit, detail?.[unit]])),
  };
}

/** True if an event is about a private row that no longer exists, also if another row has its name by now (T117). */
function isOfGonePrivate(snapshot: Snapshot, { at, llm, poolMember, detail }: AuditEvent): boolean {
  if (!detail?.["private"]) return false;
  const id = detail["id"];
  if (id !== undefined && !snapshot.byId.has(String(id))) return true;
  const called = poolMember ?? llm;
  const rows: (Row | undefined)[] = called === undefined ? [] : [snapshot.named("llm", called)];
  if (id === undefined) rows.push(...answeredBy(snapshot, detail));
  const attempts = attemptedLlms(detail);
  rows.push(...attempts.map((name) => snapshot.named("llm", name)));
  return rows.some((row) => row === undefined || row.createdAt > at);
}

/**
 * Returns the MCP server or the persona that answered a call of an MCP client, undefined for one that is gone. Events of
 * earlier versions have its name alone.
 */
function answeredBy(snapshot: Snapshot, detail: Record<string, unknown>): (Row | undefined)[] {
  return (["server", "agent"] as const).flatMap((kind) => {
    const name = detail[kind];
    return typeof name === "string" ? [snapshot.named(kind, name)] : [];
  });
}

function attemptedLlms(detail: AuditEvent["detail"]): string[] {
  const attempts: unknown = detail?.["attempts"];
  return Array.isArray(attempts) ? attempts.map((attempt: { llm: string }) => attempt.llm) : [];
}

/** The names of MCP servers that a change of a project attached or detached, without those that the reader may not know. */
function withoutHiddenServers(snapshot: Snapshot, principal: Principal, event: AuditEvent): AuditEvent {
  const { detail } = event;
  if (!detail?.["attached"] && !detail?.["detached"]) return event;
  const isShown = (name: string) => {
    const row = snapshot.named("server", name);
    return row ? isKnown(snapshot, principal, row) : !detail["private"];
  };
  const lists = (["attached", "detached"] as const).flatMap((field) => {
    const names: unknown = detail[field];
    return Array.isArray(names) ? [[field, names.filter(isShown)]] : [];
  });
  return { ...event, detail: { ...detail, ...Object.fromEntries(lists) } };
}

/** Hosts of providers and their words are for administrators: they may be about internal services (T107, T246). */
function withoutProviders({ detail, ...event }: AuditEvent): AuditEvent {
  if (!detail) return event;
  const { host: _, said: __, proxy: ___, attempts, ...rest } = detail;
  const shown = Array.isArray(attempts)
    ? attempts.map(({ host: _, said: __, proxy: ___, ...attempt }: Record<string, unknown>) => attempt)
    : undefined;
  return { ...event, detail: { ...rest, ...(shown && { attempts: shown }) } };
}

function isOwn(principal: Principal, { userId }: AuditEvent): boolean {
  return userId === principal.userId || isAdministrator(principal);
}

/** The rows that an event names and that still exist: others must not learn of a private one (T52). */
function subjects(snapshot: Snapshot, { llm, poolMember, detail }: AuditEvent): Row[] {
  const called = [llm, poolMember, ...attemptedLlms(detail)].map(
    (name) => name && snapshot.named("llm", name),
  );
  const id = detail?.["id"];
  const about = id === undefined ? answeredBy(snapshot, detail ?? {}) : [snapshot.byId.get(String(id))];
  return [...called, ...about].filter((row) => typeof row === "object");
}

/** An event of a call with the rules that allow it to its caller now, as far as the reader may see them. */
export function withRules(snapshot: Snapshot, principal: Principal, event: AuditEvent): object {
  const { action, llm, poolMember, detail, at } = event;
  if (action !== "llm_inference_call" || llm === undefined) return {};
  const persona = detail?.["agent"];
  const kind = typeof persona === "string" ? "agent" : "llm";
  const name = typeof persona === "string" ? persona : (poolMember ?? llm);
  const access = {
    verb: "run",
    resource: kindOf(kind).plural,
    name,
    row: snapshot.named(kind, name),
  } as const;
  const seen = rulesFor(snapshot, event, access).filter(
    ({ row }) => !row || decide(principal, "view", kindOf(row.kind).plural, row.name, row) === "allow",
  );
  return {
    rules: seen.map(({ row, ...rule }) => ({
      ...rule,
      ...(row && row.updatedAt > at && { changedSince: true }),
    })),
  };
}
