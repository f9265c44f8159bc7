import type { GeminiCli } from "../../adapters/gemini-cli/index.ts";
import type { ResponsesAnswer } from "../../adapters/types.ts";
import type { EndSignal } from "../../end-signal.ts";
import type { AppError } from "../../errors.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { CallRequest } from "../../wire/incoming-request.ts";
import type { Principal } from "../core/access/policy.ts";
import type { BodyBudget } from "../core/body-budget.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { AuditLog } from "../observability/audit.ts";
import type { Tracer } from "../observability/traces.ts";
import type { KeyReader } from "../secrets/secret-values.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import type { SealedMemory } from "./answers/sealed-origins.ts";
import type { CallGuard } from "./call-guard.ts";
import type { CallMetrics } from "./call-metrics.ts";
import type { LearnedQuirks } from "./learned-quirks.ts";
import type { CallLimits } from "./limits/limiter.ts";
import type { Pace } from "./pace.ts";
import type { BackgroundUsage } from "./provider-state/background-usage.ts";
import type { ProviderObjects } from "./provider-state/provider-objects.ts";
import type { CallRecord } from "./record.ts";
import type { ParsedRequest } from "./request.ts";
import type { Failures } from "./retry.ts";

/** The parts of the server that calls of models use. */
export interface InferenceDeps {
  catalogue: Catalogue;
  secrets: KeyReader;
  audit: AuditLog;
  limits: CallLimits;
  metrics: CallMetrics;
  streams: OpenStreams;
  deadlines: Deadlines;
  outbound: Outbound;
  /** Runs llms of type gemini-cli. Undefined if the server has no folder for it. */
  gemini?: GeminiCli;
  /** Sends calls to workstation agents. */
  virtualLlms?: VirtualLlms;
  /** Undefined if calls are not traced. */
  tracer?: Tracer;
  /** The memory for large answers that are read whole. */
  answers: BodyBudget;
  /** The memory of sealed reasoning. Default: one of these calls alone. */
  sealed?: SealedMemory;
  /** True for a call that the main thread of the server answers. Undefined there. */
  isForMainThread?(candidates: readonly LlmRow[], body: Readonly<Record<string, unknown>>): boolean;
  /** Milliseconds since 1970. */
  now(): number;
  /** Default: the time and randomness of the machine. */
  pace?: Pace;
}

/** The parts of the HTTP request of a call that it uses. */
export interface CallerRequest extends Pick<CallRequest, "headers" | "takesLive" | "whenGone" | "staysHere"> {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: EndSignal;
}

/** One call of a model. */
export interface InferenceCall {
  operation: Operation;
  principal: Principal;
  requestId: string;
  httpRequest: CallerRequest;
  /** Called before the last bytes of a streamed response are sent. */
  onLastBytes(): void;
  /** The name of an llm, if the path has it. Otherwise the `model` of the body names an llm, a pool or a persona. */
  name?: string | undefined;
  /** The memory of a large body, which is released when the call is over. Small bodies hold none. */
  body?: { readonly holds: boolean; keep(): void; release(): void };
  /**
   * Reads the body; returns it at once if all of it has arrived. Throws AppError.
   *
   * @param record gets the model that the body names, before it is known if there is one
   */
  read(record: Pick<CallRecord, "asks">): ParsedRequest | Promise<ParsedRequest>;
}

/** A call whose body has been read. */
export interface CallContext {
  call: InferenceCall;
  /** Aborts when nobody waits for the answer any more, and when the bearer is no longer valid. */
  signal: CallGuard;
  record: CallRecord;
  request: ParsedRequest;
  /** The catalogue when the call began. */
  snapshot: Snapshot;
  /** Quirks that refusals of providers have taught. */
  learned: LearnedQuirks;
  /** The llms that can answer. */
  candidates: readonly LlmRow[];
  /** The number of mcpctl programs that the call has passed, this one included. */
  hops: number;
  /** Objects that providers keep for callers, and answers that they make in the background. */
  objects: ProviderObjects;
  background: BackgroundUsage;
  /** Takes an answer of a responses call, to which later requests can refer. */
  onAnswer(answer: ResponsesAnswer, llm: LlmRow): void;
  /** Returns an error as the caller may see it. */
  visibleError(error: AppError): AppError;
  /** The candidates in the order in which they are tried. */
  order: readonly LlmRow[];
  /** The time of the first attempt, in milliseconds. */
  startedAt: number;
  /** Undefined until an attempt has failed. */
  failures: Failures | undefined;
  /** Reasoning that other accounts have sealed was removed from the history. */
  isReadable: boolean;
}
