import { type Principal, personalIds } from "../access/policy.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { AuthorizationStatus } from "../store/authorization-status.ts";
import type { McpCondition } from "../store/mcp-status.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { AuthorizationRow, McpServerRow } from "../store/typed-rows.ts";
import type { Row, Write } from "../store/types.ts";
import type { Draft, Services } from "./hooks.ts";
import { hasUserKeys } from "./user-keys.ts";

/** A row with the version and the id that a write of it needs. */
export type StoredAuthorization = AuthorizationRow & Row;

const byServer = oncePerObject((rows: readonly AuthorizationRow[]) =>
  Map.groupBy(rows, ({ status }) => status.serverId),
);

/** Returns the authorizations of an MCP server, in the order of their names. */
export function authorizationsOf(snapshot: Snapshot, serverId: string): readonly StoredAuthorization[] {
  const rows = byServer(snapshot.table("authorization").sorted).get(serverId) ?? [];
  return rows as readonly StoredAuthorization[];
}

/** True if everybody's calls of an MCP server have one authorization. Otherwise each user has one of their own. */
export function isSharedAuthorization({ spec }: McpServerRow): boolean {
  return spec.sharing === "shared" || spec.oauth?.grant === "client_credentials";
}

/**
 * Returns the authorization for the calls of a user; of `""`, that of everybody. One that is for another url, or for
 * another kind of sharing, does not count.
 */
export function authorizationFor(
  snapshot: Snapshot,
  server: McpServerRow,
  userId: string,
): StoredAuthorization | undefined {
  const owner = isSharedAuthorization(server) || userId === "" ? undefined : userId;
  return authorizationsOf(snapshot, server.id).find(
    ({ status }) => status.userId === owner && status.url === server.spec.url,
  );
}

/** Returns what a reader may know of the authorization that its calls would have. */
export function shownAuthorization(server: McpServerRow, snapshot: Snapshot, principal: Principal) {
  const { userId } = personalIds(principal);
  const row =
    authorizationFor(snapshot, server, userId) ??
    (hasUserKeys(server.spec) || authorizationsOf(snapshot, server.id).length > 0 ? neverGiven : undefined);
  if (!row) return null;
  const { status } = row;
  return {
    status: status.state,
    by: snapshot.nameOf(status.authorizedBy ?? null),
    isShared: isSharedAuthorization(server),
    ...shownStatus(status),
  };
}

/** Stands for a user of a server for whose calls nobody has given access yet. */
const neverGiven = { status: { state: "needed" } as AuthorizationStatus };

/** Returns the fields that show a state without its users. */
export function shownStatus({
  issuer,
  scopes,
  missingScopes,
  authorizedAt,
  expiresAt,
  renews,
  problem,
}: AuthorizationStatus) {
  return {
    issuer: issuer ?? null,
    scopes: scopes ?? [],
    missingScopes: missingScopes ?? [],
    authorizedAt: authorizedAt ?? null,
    expiresAt: expiresAt ?? null,
    renews: renews ?? false,
    problem: problem ?? null,
  };
}

/** Returns the condition of a server whose calls lack an authorization. */
export function authorizationCondition(
  server: McpServerRow,
  snapshot: Snapshot,
  principal: Principal,
): McpCondition | undefined {
  const shown = shownAuthorization(server, snapshot, principal);
  if (!shown) return undefined;
  const { status, missingScopes, problem } = shown;
  const how = `: mcpctl authorize server ${server.name}`;
  if (status === "authorized" && missingScopes.length > 0)
    return {
      type: "NeedsScopes",
      message: `calls were refused that need ${missingScopes.join(", ")}. To ask for it${how}`,
    };
  if (status === "authorized") return undefined;
  if (hasUserKeys(server.spec))
    return {
      type: "NeedsAuthorization",
      message: `each of its users has to give mcpctl their own key${how}`,
    };
  const of = isSharedAuthorization(server) ? "somebody who may edit it" : "each of its users";
  const why = problem === null ? "" : ` (${problem})`;
  const message =
    server.spec.oauth?.grant === "client_credentials"
      ? `its authorization server gives no access${why}. To try again${how}`
      : status === "expired"
        ? `the access that was given is over${why}. To give it again${how}`
        : `it wants a login: ${of} has to give mcpctl access${why}${how}`;
  return { type: "NeedsAuthorization", message };
}

/**
 * Adds the deletion of authorizations to a write, whose tokens are revoked and deleted after it.
 *
 * @param holds chooses them; all of the server if left out
 */
export function dropAuthorizations(
  { snapshot }: Pick<Draft, "snapshot">,
  { secretWrites }: Services,
  rows: readonly StoredAuthorization[],
): Write[] {
  return rows.flatMap((row): Write[] => [
    ...letGoOfTokens(row, snapshot, secretWrites),
    { op: "delete", id: row.id, version: row.version },
  ]);
}

/** Returns the writes that give up the tokens of a row. They are deleted when they have been revoked. */
export function letGoOfTokens(
  { status, spec }: StoredAuthorization,
  snapshot: Snapshot,
  secretWrites: Services["secretWrites"],
): Write[] {
  const backend = snapshot.named("secretbackend", backendOf(spec));
  return status.externalRef === undefined || !backend
    ? []
    : [secretWrites.letGo(backend, status.externalRef)];
}

/** Returns the name of the secret backend that has the tokens of a row. */
export function backendOf(spec: AuthorizationRow["spec"]): string {
  return String((spec as Record<string, unknown>)["backend"] ?? "");
}
