import type { EndSignal } from "../../end-signal.ts";
import type { OutboundTimeouts } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { QuestionAnswer } from "../../wire/link/mcp-calls.ts";
import { withLists } from "../core/catalogue/mcp-pins.ts";
import { offlineCondition } from "../core/catalogue/virtual-mcp-server.ts";
import type { McpServerStatus } from "../core/store/mcp-status.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { PublishedFacts } from "./published-listing.ts";
import type { WorkstationNames } from "./registration.ts";

/** A call of an MCP server that a workstation agent publishes. */
export interface VirtualServerCall {
  /** A virtual MCP server. */
  server: McpServerRow;
  /** A `McpCallRequest` as JSON. */
  text: string;
  timeouts: OutboundTimeouts;
  signal: EndSignal;
  /** True if it lasts until it is cancelled: a stop does not wait for it. */
  isEndless: boolean;
}

/** A call that was sent to its agent. */
export interface SentServerCall {
  /** The lines of the response. Rejects with AppError `unavailable` if no agent takes the call; else with HttpFailure. */
  readonly response: Promise<ProviderResponse>;
  /** Passes the answer of a client on to the MCP server that has asked for it. */
  answer(answer: QuestionAnswer): void;
}

/** The interface by which MCP servers of workstations are called. */
export interface VirtualServers {
  /** Sends a call to the agent of an MCP server. Throws AppError `unavailable` if no agent is attached for it. */
  callServer(call: VirtualServerCall): SentServerCall;
  /** True if the agent of an MCP server is connected to this server of mcpctl. */
  hasAgentOf(server: McpServerRow): boolean;
}

/** Returns the status of a published MCP server, after it was published by a session. */
export function publishedStatus(
  before: McpServerRow | undefined,
  { reported, source, lists, protocol }: PublishedFacts,
  {
    sessionId,
    isOnline,
    now,
    about,
  }: { sessionId: string; isOnline: boolean; now: number; about: WorkstationNames },
): McpServerStatus {
  const was = before?.status ?? {};
  const isAnother = was.source !== source;
  const listed = lists && withLists(was, lists, isAnother || before?.spec.toolChanges === "allow");
  const { source: _, workstation: __, agentVersion: ___, ...rest } = listed ?? was;
  const isSame =
    lists === undefined || Bun.deepEquals({ ...was, baseline: null }, { ...listed, baseline: null });
  return withState(
    {
      ...rest,
      origin: "virtual",
      session: sessionId,
      ...about,
      reported,
      ...(source !== undefined && { source }),
      ...(protocol !== undefined && { protocol }),
      ...(!isSame && { listedAt: new Date(now).toISOString() }),
    },
    isOnline,
  );
}

/** Returns the status of a virtual MCP server while its agent is attached, or is away. */
export function withState(status: McpServerStatus, isOnline: boolean): McpServerStatus {
  const { conditions: _, ...rest } = status;
  if (!isOnline) return { ...rest, state: "failed", conditions: [offlineCondition] };
  const state = status.reported ?? "ready";
  return { ...rest, state, ...(state === "failed" && { conditions: [notStarted] }) };
}

const notStarted = {
  type: "NotStarted",
  message: "it does not start on its workstation; the log of mcpctl agent there says why",
};
