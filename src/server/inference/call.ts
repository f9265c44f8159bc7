import type { GeminiCli } from "../../adapters/gemini-cli/index.ts";
import type { AppError } from "../../errors.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { Audit } from "../observability/audit.ts";
import type { Tracer } from "../observability/traces.ts";
import type { SecretValues } from "../secrets/secret-values.ts";
import type { VirtualLlms } from "../workstations/virtual-llms.ts";
import type { CallMetrics } from "./call-metrics.ts";
import type { Limiter } from "./limits/limiter.ts";
import type { Pace } from "./pace.ts";
import type { CallRecord } from "./record.ts";
import type { CallerRequest } from "./request.ts";

export interface InferenceDeps {
  catalogue: Catalogue;
  secrets: SecretValues;
  audit: Audit;
  limits: Limiter;
  metrics: CallMetrics;
  streams: OpenStreams;
  deadlines: Deadlines;
  outbound: Outbound;
  /** Runs llms of type gemini-cli, where the server has a place for it. */
  gemini?: GeminiCli;
  /** Has agents' llms called. */
  virtualLlms?: VirtualLlms;
  /** Where calls are traced. */
  tracer?: Tracer;
  now(): number;
  /** The machine's own where none is given. */
  pace?: Pace;
}

/** One call of a model. */
export interface InferenceCall {
  operation: Operation;
  principal: Principal;
  requestId: string;
  request: Request;
  /** The llm, where the path names it; else the body's `model` does, or a pool. */
  name?: string;
  /** Reads the body. Throws AppError. */
  read(): Promise<CallerRequest>;
}

/** A call that has been read. */
export interface Asked {
  call: InferenceCall;
  record: CallRecord;
  caller: CallerRequest;
  /** The llms that may answer. */
  candidates: readonly LlmRow[];
  /** An error as the caller may be told it. */
  told(error: AppError): AppError;
}
