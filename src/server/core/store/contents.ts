import type { Change, Contents } from "./types.ts";

/** The ids in a list of changes, by the table to look in. */
export interface Ids {
  rows: string[];
  credentials: string[];
  sessions: string[];
}

interface Credential {
  resourceId: string;
  type: "password" | "bearer";
  hash: string;
  lastUsedAt: number | null;
}

/** Sorts the ids in a list of changes. */
export function idsOf(changes: readonly Change[]): Ids {
  const ids: Ids = { rows: [], credentials: [], sessions: [] };
  for (const { kind, id } of changes)
    ids[kind === "credential" ? "credentials" : kind === "session" ? "sessions" : "rows"].push(id);
  return ids;
}

/** What a server keeps in memory of some credentials: of passwords, only whose they are. */
export function inMemory(
  credentials: readonly Credential[],
): Pick<Contents, "bearers" | "withPassword" | "lastUsed"> {
  const bearers = credentials.filter(({ type }) => type === "bearer");
  return {
    bearers: bearers.map(({ hash, resourceId }) => ({ hash, tokenId: resourceId })),
    withPassword: credentials.filter(({ type }) => type === "password").map(({ resourceId }) => resourceId),
    lastUsed: bearers.flatMap(({ resourceId, lastUsedAt }) =>
      lastUsedAt === null ? [] : [{ tokenId: resourceId, at: lastUsedAt }],
    ),
  };
}
