import type { BilledUnits } from "../../adapters/passthrough/billed-units.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { LinkError } from "../cluster/link-messages.ts";
import type { Accountable } from "../core/access/limit-holders.ts";
import type { ChangedContents } from "../core/catalogue/catalogue.ts";
import type { LlmHealth } from "../core/store/snapshot.ts";
import type { AuditEvent, Change, Contents } from "../core/store/types.ts";
import type { TlsMaterial } from "../http/listener.ts";
import type { SealedKey } from "../inference/answers/sealed-origins.ts";
import type { Amount } from "../inference/limits/account.ts";
import type { TraceSettings } from "../observability/trace-settings.ts";

/** The options of a server that its workers need. */
export interface WorkerOptions {
  publicUrls: readonly string[];
  /** The environment, of which the variables of proxies are read. */
  environment: Readonly<Record<string, string | undefined>>;
  hasAccessLog: boolean;
  /** Bounds on the memory for large answers of one worker. */
  bodies: { most?: number; wait?: number };
  /** The URL is a text: a message cannot have an object for it. */
  traces: (Omit<TraceSettings, "url"> & { url: string }) | undefined;
}

/** The socket of a server, and the way to its main thread. */
export interface WorkerSocket {
  /** A descriptor of the listening socket that is the worker's own. */
  descriptor: number;
  hostname: string;
  port: number;
  idleSeconds: number | undefined;
  tls: TlsMaterial | undefined;
  /** The URLs on which the server listens. */
  urls: readonly string[];
  /** The port on which the main thread takes connections of workers, and the secret by which it knows them. */
  mainPort: number;
  secret: string;
  /** The memory of the requests under way of all workers. */
  busy: SharedArrayBuffer;
}

/** A question of the main thread. */
export type AskOfMain =
  | { is: "start"; options: WorkerOptions; contents: Contents }
  | { is: "listen"; socket: WorkerSocket }
  | { is: "renew"; tls: TlsMaterial; descriptor: number }
  | { is: "metrics" }
  | { is: "handOver" }
  | { is: "drain" }
  | { is: "close" };

/** A message of the main thread. */
export type MessageOfMain =
  | { is: "ask"; id: number; ask: AskOfMain }
  | { is: "answer"; id: number; value: unknown }
  | { is: "failed"; id: number; error: LinkError }
  | { is: "changed"; changes: readonly Change[]; now: ChangedContents }
  | { is: "reloaded"; contents: Contents };

/** A call for which a worker asks the limits. */
export interface AdmissionRequest {
  admission: number;
  principal: Accountable;
  llmIds: readonly string[];
  promptTokens: number;
  maxTokens: number | undefined;
  choices: number;
  units: (BilledUnits & Pick<Usage, "tier">) | undefined;
}

/** A question of a worker. */
export type AskOfWorker =
  | { is: "audit"; events: readonly AuditEvent[] }
  | { is: "auditWorks" }
  | ({ is: "admit" } & AdmissionRequest)
  | { is: "key"; name: string; key: string };

/** Something that a worker tells, without an answer. */
export type NoteOfWorker =
  /** The use of a call that was admitted under a number. */
  | { is: "settle"; admission: number; used: Readonly<Amount> }
  /** Calls of a principal that no limit applied to. */
  | { is: "use"; principal: Accountable; calls: number; used: Amount }
  | { is: "line"; line: string }
  | { is: "log"; level: "warn" | "error"; text: string }
  /** The keys of sealed reasoning that an llm wrote. */
  | { is: "sealed"; llmId: string; keys: readonly SealedKey[] }
  | { is: "health"; states: readonly [llmId: string, state: LlmHealth][] };

/** A message of a worker. Questions and notes of one turn of its event loop travel together. */
export type MessageOfWorker =
  | { is: "turn"; asks: readonly { id: number; ask: AskOfWorker }[]; notes: readonly NoteOfWorker[] }
  | { is: "answer"; id: number; value: unknown }
  | { is: "failed"; id: number; error: LinkError }
  | { is: "reached"; revision: number };

/** The answer to `admit`. */
export type Reserved = Readonly<Amount>;
