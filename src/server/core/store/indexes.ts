import type { Ids } from "./contents.ts";
import type { Contents, Ref, Row, Session } from "./types.ts";

/** A reference, and the id of the row that has it. */
export type Pointer = Ref & { fromId: string };

/** The contents of a snapshot by what they are looked up by. None of them ever changes. */
export interface Indexes {
  readonly byId: ReadonlyMap<string, Row>;
  /** References of a row, by its id. */
  readonly refsFrom: ReadonlyMap<string, readonly Pointer[]>;
  /** References to a row, by the id of the row. */
  readonly pointersTo: ReadonlyMap<string, readonly Pointer[]>;
  /** Ids of tokens by the SHA-256 of their bearers. */
  readonly bearers: ReadonlyMap<string, string>;
  /** Login sessions by the SHA-256 of their bearers. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly sessionIds: ReadonlySet<string>;
  /** Ids of the users that have a password. */
  readonly withPassword: ReadonlySet<string>;
}

/** Returns the indexes of the whole contents. */
export function indexesOf(contents: Omit<Contents, "revision" | "lastUsed">): Indexes {
  return {
    byId: new Map(contents.rows.map((row) => [row.id, row])),
    refsFrom: Map.groupBy(contents.refs, ({ fromId }) => fromId),
    pointersTo: Map.groupBy(contents.refs, ({ toId }) => toId),
    bearers: new Map(contents.bearers.map(({ hash, tokenId }) => [hash, tokenId])),
    sessions: new Map(contents.sessions.map((session) => [session.hash, session])),
    sessionIds: new Set(contents.sessions.map(({ id }) => id)),
    withPassword: new Set(contents.withPassword),
  };
}

/**
 * Returns the indexes after some changes. Those without a change stay the same objects, and others are copied: a write
 * must not take long because there are many rows (T328).
 *
 * @param now the rows, credentials and sessions of these changes as they are now
 */
export function indexesAfter(
  before: Indexes,
  ids: Ids,
  now: Omit<Contents, "revision" | "lastUsed">,
): Indexes {
  const byId = new Map(before.byId);
  for (const id of ids.rows) byId.delete(id);
  for (const row of now.rows) byId.set(row.id, row);
  // The credentials and sessions of a deleted row go with it, and no change tells of them.
  const deleted = ids.rows.filter((id) => !byId.has(id));
  const credentials = new Set([...ids.credentials, ...deleted]);
  const users = new Set(deleted);
  const ended = new Set(ids.sessions);
  const bearers = replaced(before.bearers, credentials.size > 0, {
    isGone: ([, tokenId]) => credentials.has(tokenId),
    now: now.bearers.map(({ hash, tokenId }) => [hash, tokenId] as const),
    isThere: ([, tokenId]) => byId.has(tokenId),
  });
  const sessions = replaced(before.sessions, ended.size + users.size > 0, {
    isGone: ([, { id, userId }]) => ended.has(id) || users.has(userId),
    now: now.sessions.map((session) => [session.hash, session] as const),
    isThere: ([, { userId }]) => byId.has(userId),
  });
  const passwords = () =>
    [...before.withPassword].filter((id) => !credentials.has(id)).concat(now.withPassword);
  return {
    byId,
    ...referencesAfter(before, ids.rows, now.refs),
    bearers,
    sessions,
    sessionIds:
      sessions === before.sessions
        ? before.sessionIds
        : new Set(Array.from(sessions.values(), ({ id }) => id)),
    withPassword:
      credentials.size === 0 ? before.withPassword : new Set(passwords().filter((id) => byId.has(id))),
  };
}

/** Returns a map without the entries that are gone and with those of now; the same map if nothing changes. */
function replaced<V>(
  map: ReadonlyMap<string, V>,
  changes: boolean,
  entries: {
    isGone(entry: readonly [string, V]): boolean;
    now: readonly (readonly [string, V])[];
    isThere(entry: readonly [string, V]): boolean;
  },
): ReadonlyMap<string, V> {
  if (!changes) return map;
  const next = new Map(map);
  for (const entry of map) if (entries.isGone(entry)) next.delete(entry[0]);
  for (const entry of entries.now) if (entries.isThere(entry)) next.set(...entry);
  return next;
}

function referencesAfter(
  before: Indexes,
  changed: readonly string[],
  now: readonly Pointer[],
): Pick<Indexes, "refsFrom" | "pointersTo"> {
  const { refsFrom, pointersTo } = before;
  const gone = changed.flatMap((id) => refsFrom.get(id) ?? []);
  if (gone.length + now.length === 0) return { refsFrom, pointersTo };
  const from = new Map(refsFrom);
  for (const id of changed) from.delete(id);
  for (const [id, refs] of Map.groupBy(now, ({ fromId }) => fromId)) from.set(id, refs);
  const to = new Map(pointersTo);
  const added = Map.groupBy(now, ({ toId }) => toId);
  const changedIds = new Set(changed);
  for (const id of new Set([...gone, ...now].map(({ toId }) => toId))) {
    const kept = (pointersTo.get(id) ?? []).filter(({ fromId }) => !changedIds.has(fromId));
    const pointers = kept.concat(added.get(id) ?? []);
    if (pointers.length > 0) to.set(id, pointers);
    else to.delete(id);
  }
  return { refsFrom: from, pointersTo: to };
}
