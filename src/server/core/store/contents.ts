import type { Change, Contents } from "./types.ts";

/** Ids of changes, by the table that they are ids of. */
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

/** Returns the ids in a list of changes, by table. */
export function idsOf(changes: readonly Change[]): Ids {
  const ids: Ids = { rows: [], credentials: [], sessions: [] };
  for (const { kind, id } of changes)
    ids[kind === "credential" ? "credentials" : kind === "session" ? "sessions" : "rows"].push(id);
  return ids;
}

/** Returns the parts of credentials that a server keeps in memory: of passwords, only the ids of their users. */
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
