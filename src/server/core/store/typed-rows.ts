import type { Static, TObject } from "@sinclair/typebox";
import type { Kind } from "../../../kinds/define.ts";
import type { KindName, KindNamed } from "../../../kinds/index.ts";
import type { AuthorizationStatus } from "./authorization-status.ts";
import type { ClientGrantStatus } from "./client-grant-status.ts";
import type { InstanceStatus, McpServerStatus } from "./mcp-status.ts";
import type { Row } from "./types.ts";

/**
 * Rows are checked against their kind when they are written. These types and functions give what is stored the types
 * of its kind when it is read: a view of the same object, without a check and without a copy.
 */

/** The fields that users set on a row, as the descriptor of its kind has them. Write-only fields are not stored. */
export type SpecOf<Fields extends TObject, WriteOnly extends readonly string[]> = Omit<
  Static<Fields>,
  WriteOnly[number]
>;

/** The fields that the server keeps in the status of a row, by kind. Rows of other kinds keep none. */
interface StoredStatuses {
  llm: {
    /** `virtual`: a workstation agent publishes it. */
    origin: "static" | "virtual";
    status: "active" | "inactive" | "hibernating";
    /** The agent's session, of a virtual llm. */
    session?: string;
    /** The names of its workstation and of the agent's version. */
    workstation?: string;
    agentVersion?: string;
    capabilities?: Record<string, unknown>;
    /** The owners of the llms that have joined by `admits`, by the names of these. Nobody else joins by that name. */
    admitted?: Record<string, string>;
  };
  agent: {
    origin: "static" | "virtual";
    session?: string;
    workstation?: string;
    agentVersion?: string;
  };
  secret: {
    /** The keys in it, sorted. */
    keys: string[];
    /** The backend's name for the stored values. */
    externalRef: string;
  };
  secretbackend: {
    /** The server made it, and it cannot be deleted. */
    builtIn?: boolean;
    /** The last attempts to replace its token; times are RFC 3339. */
    rotation?: { rotatedAt: string | null; failedAt: string | null; reason: string | null };
  };
  server: McpServerStatus;
  instance: InstanceStatus;
  authorization: AuthorizationStatus;
  template: {
    /** It comes with mcpctl, and cannot be changed. */
    builtIn?: boolean;
  };
  prompt: {
    /** The ids of who wrote the text: the user, and the token or "". They pay for its summary. */
    writer?: { userId: string; tokenId: string };
    /** The summary of its text, and the hash of the text that it belongs to. */
    digest?: { hash: string; summary: string; chapters: string[] };
  };
  promptrequest: {
    status: "pending" | "approved" | "rejected";
    /** The id of the user who decided. */
    decidedBy?: string | null;
  };
  proxymodel: {
    /** It comes with mcpctl, and cannot be changed. */
    builtIn?: boolean;
  };
  serverattachment: {
    /** The place among the servers of the project, in the order of attaching. */
    position: number;
  };
  rbac: BoundGrants;
  user: {
    /** The time at which somebody else set the password; undefined if nobody did. Milliseconds since 1970. */
    handedOverAt?: number;
  };
  grant: ClientGrantStatus;
  token: BoundGrants & {
    /** The first characters of the bearer. */
    prefix: string;
    /** The id of the token that made it; undefined if a user did. */
    maker?: string;
    /** The id of the administrator who made it, or got its present bearer, in place of its user. */
    givenBy?: string;
    /** The time at which somebody else than its user got its bearer; undefined if nobody did. Milliseconds since 1970. */
    handedOverAt?: number;
    /** Tokens made by it that were deleted lately, whose use counts on its limits; times are RFC 3339. */
    deletedChildren?: { id: string; at: string }[];
  };
}

/** Grants of a row that name another row. */
type BoundGrants = {
  /** By the index of the grant in `roleBindings`: the row that its name meant when it was made. */
  boundTo?: ({ id: string; owner: string | null } | null | undefined)[];
};

/** The status of a row of the kind of a singular name. */
export type StatusOf<Name extends string> = Name extends keyof StoredStatuses
  ? StoredStatuses[Name]
  : Row["status"];

/** A row of the kind of a singular name: `RowOf<"llm">`. A plain row where the name is no kind's, or any. */
export type RowOf<Name extends string> = Name extends KindName
  ? KindNamed<Name> extends Kind<infer Fields, Name, infer WriteOnly>
    ? TypedRow<Name, SpecOf<Fields, WriteOnly>>
    : never
  : Row;

interface TypedRow<Name extends string, Spec> extends Omit<Row, "kind" | "spec" | "status"> {
  kind: Name;
  spec: Spec;
  status: StatusOf<Name>;
}

export interface LlmRow extends RowOf<"llm"> {}

/** A row of the kind `agent`: a persona. */
export interface PersonaRow extends RowOf<"agent"> {}

export interface SecretRow extends RowOf<"secret"> {}

/** A row of the kind `server`: an MCP server. */
export interface McpServerRow extends RowOf<"server"> {}

export interface InstanceRow extends RowOf<"instance"> {}

/** A row of the kind `authorization`. Its spec has the name of the backend of its tokens. */
export interface AuthorizationRow extends RowOf<"authorization"> {}

/** A row of the kind `grant`: the access of an MCP client to a project. */
export interface ClientGrantRow extends RowOf<"grant"> {}

export interface ProjectRow extends RowOf<"project"> {}

export interface PromptRow extends RowOf<"prompt"> {}

export interface PromptRequestRow extends RowOf<"promptrequest"> {}

export interface ProxyModelRow extends RowOf<"proxymodel"> {}

export interface SecretBackendRow extends RowOf<"secretbackend"> {}

/** The spec of a row, by its kind's descriptor: `specOf(llm, row).model`. The row must be of that kind. */
export function specOf<Fields extends TObject, WriteOnly extends readonly string[]>(
  _kind: Kind<Fields, string, WriteOnly>,
  row: Row,
): SpecOf<Fields, WriteOnly> {
  return row.spec as SpecOf<Fields, WriteOnly>;
}

/** The stored status of a row, by its kind's descriptor: `statusOf(llm, row).origin`. The row must be of that kind. */
export function statusOf<Name extends string>(_kind: { kind: Name }, row: Row): StatusOf<Name> {
  return row.status as StatusOf<Name>;
}

/** True if a row is of a kind. Its spec and status are typed from there on. */
export function isOf<Name extends string>(
  kind: { kind: Name },
  row: Row | undefined,
): row is RowOf<Name> & Row {
  return row?.kind === kind.kind;
}

/** True if a workstation agent publishes the row. It is an llm, a persona or an MCP server then. */
export function isVirtual(row: Row): row is Row & (LlmRow | PersonaRow | McpServerRow) {
  return (row.status as Partial<StatusOf<"llm" | "agent" | "server">>).origin === "virtual";
}
