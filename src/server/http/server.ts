import type { Backups } from "../backups/backups.ts";
import type { BackupSchedule } from "../backups/schedule.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Passwords } from "../core/access/passwords.ts";
import type { Quotas } from "../core/access/quotas.ts";
import type { Throttle } from "../core/access/throttle.ts";
import type { BodyBudget } from "../core/body-budget.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Resources } from "../core/catalogue/resources.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { Random } from "../core/ids.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { SocketHandler } from "../core/socket-handler.ts";
import type { DiskUse } from "../core/store/disk-use.ts";
import type { Inference } from "../inference/inference.ts";
import type { Limiter } from "../inference/limits/limiter.ts";
import type { ToolCalls } from "../inference/personas/tools/tool-calls.ts";
import type { TaskServices } from "../inference/tasks/component.ts";
import type { Threads } from "../inference/threads/threads.ts";
import type { OAuthServer } from "../mcp/clients/component.ts";
import type { Mcp } from "../mcp/component.ts";
import type { Audit, AuditLog } from "../observability/audit.ts";
import type { Metrics, MetricsState } from "../observability/metrics.ts";
import type { SecretServices } from "../secrets/open.ts";
import type { ProviderSessions } from "../workstations/provider-sessions.ts";
import type { Workstations } from "../workstations/workstations.ts";
import type { ConnectionCounts } from "./connections/connection-limiter.ts";
import type { Peer } from "./route.ts";
import type { CertificateKeeper } from "./tls/certificate-keeper.ts";
import type { SignInCodes } from "./web/sign-in-codes.ts";

/** The parts of a server that routes use. */
export interface Server extends SecretServices {
  catalogue: Catalogue;
  resources: Resources;
  inference: Inference;
  /** The limits on calls of models. */
  limits: Limiter;
  /** Lets personas use the tools of their projects. */
  toolCalls: ToolCalls;
  /** The sessions of workstation agents. */
  sessions: ProviderSessions;
  /** The workstation agents that are attached. */
  workstations: Workstations;
  /** MCP servers, and the endpoints of projects. */
  mcp: Mcp;
  /** The authorization server of MCP clients. */
  clients: OAuthServer;
  /** The other servers on the database; undefined on SQLite. */
  cluster: Cluster | undefined;
  /** The name of this server among those on the same database. */
  node: string;
  audit: Audit;
  /** Makes backups of the database, and restores them. */
  backups: Backups;
  /** The backups that the server makes by itself; undefined if it makes none. */
  schedule: BackupSchedule | undefined;
  metrics: Metrics;
  /** Returns the metrics of the workers; an empty list without workers. */
  metricsOfWorkers(): Promise<readonly MetricsState[]>;
  streams: OpenStreams;
  threads: Threads;
  /** Tasks that wait until their llm can take them, their batches and their files. */
  tasks: TaskServices;
  deadlines: Deadlines;
  /** The memory for large bodies. */
  bodies: BodyBudget;
  throttle: Throttle;
  /** The codes of `mcpctl ui`. */
  signInCodes: SignInCodes;
  quotas: Quotas;
  passwords: Passwords;
  now(): number;
  /** The URLs of the server as its callers know it, as given on the command line. */
  publicUrls: readonly string[];
  /** Returns the addresses under which programs reach the server. */
  urls(): string[];
  random: Random;
  /** True if `/metrics` needs no bearer. */
  metricsPublic: boolean;
  /** Returns the reasons why the server should get no requests now, as far as is known; an empty list if it should. */
  unready(): string[];
  /** The space that the database takes. */
  diskUse: DiskUse;
  /** The server's own certificate; undefined if it speaks plain HTTP. */
  certificate: CertificateKeeper | undefined;
  /** Returns the connections over TCP; undefined where the system does not let a process see them. */
  connections(): ConnectionCounts | undefined;
  /** Returns the address that a request over TCP comes from; undefined if the caller has gone. */
  addressOf(request: Request): string | undefined;
  /**
   * Makes a request a WebSocket, which opens before this returns.
   *
   * @param headers of the response that opens the WebSocket
   * @returns false if the request cannot become a WebSocket
   */
  upgrade(request: Request, peer: Peer, handler: SocketHandler, headers: Record<string, string>): boolean;
  /** Notes that the caller of a request over TCP has shown a valid bearer. */
  know(request: Request): void;
  /** Ends the quiet time that a streamed response may have. Call it before the last bytes are sent. */
  endQuiet(request: Request, peer: Peer): void;
}

/** The parts of a server that all requests use, in a worker as well. */
export type AppServer = Pick<Server, "catalogue" | "metrics" | "bodies" | "publicUrls" | "now" | "know"> & {
  audit: AuditLog;
};

/** The parts of a server that calls of models use, in a worker as well. */
export type CallServer = Pick<Server, "catalogue" | "deadlines" | "endQuiet"> & {
  inference: Pick<Inference, "call">;
  toolCalls: Pick<ToolCalls, "begin">;
};
