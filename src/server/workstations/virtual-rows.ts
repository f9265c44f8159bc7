import { agent } from "../../kinds/agent.ts";
import { kindOf } from "../../kinds/index.ts";
import { llm } from "../../kinds/llm.ts";
import { mcpServer } from "../../kinds/mcp-server.ts";
import { isOffline } from "../core/catalogue/virtual-mcp-server.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isOf, isVirtual, type McpServerRow, type RowOf } from "../core/store/typed-rows.ts";
import type { Row, Write } from "../core/store/types.ts";
import { withState } from "./virtual-servers.ts";

type Publishable = RowOf<"llm" | "agent" | "server">;

/** The rows of a kind that agents publish, by session: made once for all snapshots in which the kind is the same. */
const bySession = oncePerObject(
  (sorted: readonly Publishable[]): ReadonlyMap<string, readonly Row[]> =>
    Map.groupBy(sorted.filter(isVirtual), ({ status }) => String(status.session)),
);

function tablesOfPublished(snapshot: Snapshot): ReadonlyMap<string, readonly Row[]>[] {
  return [llm, agent, mcpServer].map(({ kind }) => bySession(snapshot.table(kind).sorted));
}

/** Returns the ids of the sessions that have published something. */
export function publishingSessions(snapshot: Snapshot): Set<string> {
  return new Set(tablesOfPublished(snapshot).flatMap((table) => [...table.keys()]));
}

/** Returns the llms, personas and MCP servers that a session has published. */
export function rowsOf(snapshot: Snapshot, sessionId: string): readonly Row[] {
  return tablesOfPublished(snapshot).flatMap((table) => table.get(sessionId) ?? []);
}

/**
 * Returns those rows that can be deleted, because only rows that are deleted as well refer to them.
 *
 * @param lettingGo ids of rows whose references do not count, because the same commit removes them
 * @returns the rows in the order in which to delete them
 */
export function removable(
  snapshot: Snapshot,
  rows: readonly Row[],
  lettingGo: ReadonlySet<string> = new Set(),
): Row[] {
  const going = new Set(rows.map(({ id }) => id));
  const isHeld = (id: string) =>
    (snapshot.pointersTo.get(id) ?? []).some(({ fromId }) => !going.has(fromId) && !lettingGo.has(fromId));
  for (let before = -1; before !== going.size; ) {
    before = going.size;
    for (const id of going) if (isHeld(id)) going.delete(id);
  }
  const order = ({ kind }: Row) => kindOf(kind).order;
  return rows.filter(({ id }) => going.has(id)).sort((a, b) => order(b) - order(a));
}

/** Returns the write that gives a row another status and keeps its references. */
export function withStatus(snapshot: Snapshot, row: Row, status: string, now: number): Write {
  const next = { ...row, status: { ...row.status, status }, version: row.version + 1, updatedAt: now };
  return { op: "update", row: next, refs: snapshot.refsOf(row.id) };
}

/** Returns the write that makes an llm or MCP server one that cannot be called, because its agent is away. */
export function asAway(snapshot: Snapshot, row: Row, now: number): Write {
  if (!isOf(mcpServer, row)) return withStatus(snapshot, row, "inactive", now);
  return withServerState(snapshot, row, false, now);
}

/** Returns the write for an MCP server whose agent has come or gone. */
export function withServerState(
  snapshot: Snapshot,
  row: McpServerRow,
  isOnline: boolean,
  now: number,
): Write {
  const status = withState(row.status, isOnline);
  const next = { ...row, status, version: row.version + 1, updatedAt: now };
  return { op: "update", row: next, refs: snapshot.refsOf(row.id) };
}

/** Returns true if a row is an llm or MCP server that can be called, at once or after it is woken. */
export function isCallable(row: Row): boolean {
  if (isOf(mcpServer, row)) return !isOffline(row.status);
  return isOf(llm, row) && row.status.status !== "inactive";
}
