import { oncePerObject } from "../../once-per-object.ts";
import type { McpCondition } from "../../store/mcp-status.ts";
import type { Snapshot } from "../../store/snapshot.ts";
import { type InstanceRow, isVirtual, type McpServerRow } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";
import {
  authorizationCondition,
  authorizationsOf,
  dropAuthorizations,
  shownAuthorization,
} from "../mcp-authorizations.ts";
import { changesIn, type DefinitionChange } from "../mcp-pins.ts";
import { checkHealthTool, checkHostProcesses, checkSecrets, isAnotherServer } from "../mcp-rights.ts";
import { checkSource, sourceOf, transportOf } from "../mcp-source.ts";
import { hasUserKeys } from "../user-keys.ts";
import { checkPublishedServer, isOffline, unshown } from "../virtual-mcp-server.ts";

export const mcpServerHooks: Hooks<McpServerRow> = {
  prepare(draft, services) {
    const { before, row, snapshot, writeAfter } = draft;
    if (isVirtual(row)) return checkPublishedServer(draft);
    checkHostProcesses(draft);
    checkSource(draft, services);
    checkHealthTool(draft);
    checkSecrets(draft);
    if (before && row.status.baseline && isAnotherServer(before, row)) {
      const { baseline: _, ...status } = row.status;
      row.status = status;
    }
    if (before && endsAccess(before, row))
      writeAfter.push(...dropAuthorizations(draft, services, authorizationsOf(snapshot, row.id)));
    if (!before || before.visibility === row.visibility) return;
    // Its instances are hidden from the same readers.
    for (const instance of instancesOf(snapshot, row.name)) {
      const { visibility } = row;
      const changed = { ...instance, visibility, version: instance.version + 1, updatedAt: services.now() };
      writeAfter.push({ op: "update", row: changed, refs: [] });
    }
  },
  /** Deletes its instances, too, which ends them, and its authorizations. */
  remove(draft, services) {
    const { row, snapshot, writeFirst } = draft;
    for (const { id, version } of instancesOf(snapshot, row.name))
      writeFirst.push({ op: "delete", id, version });
    writeFirst.push(...dropAuthorizations(draft, services, authorizationsOf(snapshot, row.id)));
  },
  status(row, { snapshot, principal }) {
    const { spec, status, name } = row;
    const instances = instancesOf(snapshot, name);
    const states = instances.map(({ status: { state } }) => state);
    const isolations = new Set(instances.flatMap(({ status: { sandbox } }) => sandbox ?? []));
    const ready = states.filter((state) => state === "running").length;
    const transport = transportOf(spec);
    const changed = spec.toolChanges === "approve" ? changesIn(status) : [];
    const state = status.state ?? stateOf(states);
    const waits = changed.length > 0 && (state === "ready" || state === "stopped");
    const login = authorizationCondition(row, snapshot, principal);
    return {
      ...(transport !== undefined && { transport }),
      source: sourceOf(spec),
      ...(isVirtual(row) && { ...unshown, source: "workstation" }),
      origin: status.origin ?? "static",
      status: isOffline(status) ? "offline" : waits ? "changed" : state,
      conditions: [
        // The reader is told of the authorization that its own calls lack.
        ...(status.conditions ?? []).filter(({ type }) => type !== "NeedsAuthorization"),
        ...(login ? [login] : []),
        ...(changed.length > 0 ? [changedCondition(name, changed)] : []),
      ],
      ready: isVirtual(row) ? Number(state === "ready") : ready,
      authorization: shownAuthorization(row, snapshot, principal),
      isolation: isolations.size > 0 ? [...isolations].join(", ") : null,
      toolCount: status.tools?.length ?? 0,
      protocol: status.protocol,
      listedAt: status.listedAt,
      workstation: status.workstation,
      lastSeenAt: lastSeenAt(status, snapshot),
    };
  },
};

/** The fields of which a change ends the authorizations of a server. */
const loginFields = ["url", "sharing", "oauth"] as const;

/**
 * True if a change ends what users have given. Tokens belong to the url, and the client with which they were got. Keys of
 * users belong to the whole definition: another program, variable or header could hand them to somebody else (T312).
 */
function endsAccess(before: McpServerRow, row: McpServerRow): boolean {
  if (loginFields.some((field) => !Bun.deepEquals(before.spec[field], row.spec[field]))) return true;
  return (hasUserKeys(before.spec) || hasUserKeys(row.spec)) && isAnotherServer(before, row);
}

function lastSeenAt({ session }: McpServerRow["status"], snapshot: Snapshot): string | null {
  const seen = session === undefined ? undefined : snapshot.volatile.seen.get(session);
  return seen === undefined ? null : new Date(seen).toISOString();
}

/** The most names of changed definitions in one condition. */
const mostNamed = 10;

function changedCondition(server: string, changed: readonly DefinitionChange[]): McpCondition {
  const names = changed.slice(0, mostNamed).map(({ key }) => key.slice(key.indexOf("/") + 1));
  const more = changed.length > mostNamed ? ` and ${changed.length - mostNamed} more` : "";
  return {
    type: "ToolsChanged",
    message: `changed by the server and not offered: ${names.join(", ")}${more}. To see and accept: mcpctl approve server ${server}`,
  };
}

/** Returns the state of an MCP server: that of the instance that has got furthest. */
function stateOf(states: readonly InstanceRow["status"]["state"][]): string {
  const order = ["running", "starting", "unhealthy", "backoff"] as const;
  const best = order.find((one) => states.includes(one)) ?? "stopped";
  return best === "running" ? "ready" : best;
}

const byServer = oncePerObject((instances: readonly InstanceRow[]) =>
  Map.groupBy(instances, ({ status }) => status.server),
);

/** Returns the instances of an MCP server, in the order of their names. */
function instancesOf(snapshot: Snapshot, server: string): readonly InstanceRow[] {
  return byServer(snapshot.table("instance").sorted).get(server) ?? [];
}
