import { kindOf } from "../../kinds/index.ts";
import { decideToShow, isShown } from "../core/access/parts.ts";
import { isAdministrator, mayList, type Principal } from "../core/access/policy.ts";
import { present } from "../core/catalogue/present.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { Row } from "../core/store/types.ts";
import type { SessionState } from "./session-registry.ts";
import { isCallable, rowsOf } from "./virtual-rows.ts";

/** A workstation, as the API shows it. Times are RFC 3339. */
export interface Workstation {
  /** The name that its agent gives; null if it gives none. */
  name: string | null;
  /** The user whose agent it is. */
  user: string | null;
  state: "connected" | "away";
  /** Start of the connection; null if it is away, or connected to another server on the same database. */
  connectedSince: string | null;
  lastSeenAt: string | null;
  /** The version of its agent; null if it gives none. */
  version: string | null;
  /** The things that it publishes, as far as the reader may see them. */
  publishes: { kind: string; name: string; status: string | null }[];
}

export interface WorkstationListOptions {
  snapshot: Snapshot;
  sessions: readonly SessionState[];
  /** True if the session may belong to another server on the same database. */
  isElsewhere(state: SessionState): boolean;
}

/**
 * Returns the workstations that a principal may know of: those that publish something that it may see; its own, if it may
 * publish; all of them for administrators. Of each it learns no more than it may see (T235).
 */
export function workstationsFor(
  principal: Principal,
  { snapshot, sessions, isElsewhere }: WorkstationListOptions,
): Workstation[] {
  return sessions
    .flatMap((state): Workstation[] => {
      const rows = rowsOf(snapshot, state.session.id);
      const shown = rows.filter((row) => isShownTo(principal, snapshot, row));
      if (shown.length === 0 && !isKnownTo(principal, state)) return [];
      const isConnected = state.isAttached || (isElsewhere(state) && rows.some(isCallable));
      const { workstation, agentVersion } = namesOf(state, rows);
      const { seen } = snapshot.volatile;
      return [
        {
          name: workstation ?? null,
          user: snapshot.nameOf(state.session.ownerId),
          state: isConnected ? "connected" : "away",
          connectedSince: state.isAttached ? timeText(state.attachedAt) : null,
          lastSeenAt: timeText(seen.get(state.session.id) ?? state.session.seenAt),
          version: agentVersion ?? null,
          publishes: shown.map((row) => publishedAs(row, principal, snapshot)),
        },
      ];
    })
    .sort((a, b) => order(a).localeCompare(order(b), "en"));
}

function isShownTo(principal: Principal, snapshot: Snapshot, row: Row): boolean {
  const named = { name: row.name, scope: row.scope, row };
  // Who may only call a thing does not learn which machine it is on.
  return isShown(decideToShow(snapshot, principal, { ...kindOf(row.kind), callerFields: undefined }, named));
}

/** True if the principal may know of a workstation that publishes nothing that it may see. */
function isKnownTo(principal: Principal, { session }: SessionState): boolean {
  if (isAdministrator(principal)) return true;
  return session.ownerId === principal.userId && mayList(principal, "expose", "llms");
}

/** Returns what the agent has said here, or what was kept with its rows when it was at another server. */
function namesOf({ about, isHere }: SessionState, rows: readonly Row[]) {
  if (isHere) return about;
  const { workstation, agentVersion } = rows[0]?.status ?? {};
  return {
    ...(typeof workstation === "string" && { workstation }),
    ...(typeof agentVersion === "string" && { agentVersion }),
  };
}

function publishedAs(row: Row, principal: Principal, snapshot: Snapshot): Workstation["publishes"][number] {
  const { status } = present(kindOf(row.kind), row, { principal, snapshot, now: 0 });
  return { kind: row.kind, name: row.name, status: typeof status === "string" ? status : null };
}

function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

function order({ user, name }: Workstation): string {
  return `${user ?? ""}\n${name ?? ""}`;
}
