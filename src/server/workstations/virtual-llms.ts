import type { OutboundTimeouts } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";

/** A call for an agent to answer. */
export interface LinkCall {
  /** A virtual one. */
  llm: LlmRow;
  operation: Operation;
  /** The body, in the dialect that the llm's provider speaks. */
  text: string;
  streaming: boolean;
  timeouts: OutboundTimeouts;
  signal: AbortSignal;
}

/** Virtual llms as inference sees them. */
export interface VirtualLlms {
  /** Whether its weights are in memory; also where its agent cannot tell, as of servers that have but one model. */
  isResident(llm: LlmRow): boolean;
  /** Calls that it is answering, from whomever. */
  inFlight(llm: LlmRow): number;
  /** How long it has been being woken, in milliseconds; undefined when it is not. */
  wakingFor(llm: LlmRow): number | undefined;
  /**
   * Returns when it can be called. Whoever waits, the agent is told once.
   *
   * @throws AppError `unavailable` with the reason and `retryAfter`; `too_many_requests` when too many wait;
   *   `client_closed_request` when this caller has gone
   */
  wake(llm: LlmRow, signal: AbortSignal): Promise<void>;
  /**
   * Sends a call to the llm's agent.
   *
   * @throws AppError `unavailable` when no agent takes it; HttpFailure as a call over HTTP would
   */
  infer(call: LinkCall): Promise<ProviderResponse>;
}
