import type { EndSignal } from "../../end-signal.ts";
import type { OutboundTimeouts } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";

/** A call of a virtual llm. */
export interface LinkCall {
  /** A virtual llm. */
  llm: LlmRow;
  operation: Operation;
  /** The body, in the dialect of the llm's provider. */
  text: string;
  streaming: boolean;
  timeouts: OutboundTimeouts;
  signal: EndSignal;
  /** The number of mcpctl programs that the call has passed. */
  hops: number;
}

/** The interface by which inference calls virtual llms. */
export interface VirtualLlms {
  /** Returns true if the weights of an llm are in memory, or if its agent cannot tell. */
  isResident(llm: LlmRow): boolean;
  /** Returns the number of calls under way of an llm, from every caller. */
  inFlight(llm: LlmRow): number;
  /** Returns the milliseconds since a wake of an llm began; undefined if it is not being woken. */
  wakingFor(llm: LlmRow): number | undefined;
  /**
   * Wakes an llm. Returns when it can be called. The agent gets one wake task, however many callers wait.
   *
   * @throws AppError `unavailable` with the reason and `retryAfter`; `too_many_requests` if too many callers wait;
   *   `client_closed_request` if this caller has gone
   */
  wake(llm: LlmRow, signal: EndSignal): Promise<void>;
  /**
   * Sends a call to the agent of its llm.
   *
   * @throws AppError `unavailable` if no agent takes it; HttpFailure as for a call over HTTP
   */
  infer(call: LinkCall): Promise<ProviderResponse>;
}

/** The virtual llms as this server of mcpctl itself calls them: those whose agents are connected to it. */
export interface ConnectedLlms extends VirtualLlms {
  /** True if the agent of an llm is connected to this server of mcpctl. */
  hasAgentOf(llm: LlmRow): boolean;
}
