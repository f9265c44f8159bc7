import type { Principal } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { PartLookup } from "../content/part-reader.ts";
import type { Gate } from "../gate/gate.ts";
import type { GateCallServices } from "../gate/gate-calls.ts";
import type { McpServers } from "../types.ts";
import type { AgentCalls } from "./agent-calls.ts";
import type { McpCalls } from "./calls.ts";
import type { ClientExchange } from "./exchange.ts";
import type { ReplyServices } from "./http-reply.ts";
import type { McpHttpRequest } from "./http-request.ts";
import type { MessageTap } from "./message-tap.ts";
import type { OfferChanges } from "./offer-changes.ts";
import type { ResourceWatches } from "./resource-watches.ts";
import type { Sealer } from "./sealer.ts";

/** The services of the handlers of methods. */
export interface EndpointServices {
  snapshot(): Snapshot;
  calls: McpCalls;
  agentCalls: AgentCalls;
  parts: PartLookup;
  watches: ResourceWatches;
  sealer: Sealer;
  gate: Gate<ClientExchange>;
  gateCalls: GateCallServices<ClientExchange>;
}

/** One HTTP request to the endpoint of a project. */
export interface EndpointRequest {
  request: McpHttpRequest;
  requestId: string;
  principal: Principal;
  project: ProjectRow;
  /** The body of a POST. */
  text: string;
  /** Is called before the last bytes of a stream are sent. */
  onLastBytes(): void;
  /** Is told of the messages, if somebody wants to see them. */
  tap?: MessageTap | undefined;
}

/** A request that another server of mcpctl has handed on. */
export interface ForwardedClient extends Omit<EndpointRequest, "project" | "tap"> {
  projectId: string;
}

/**
 * The servers of mcpctl on one database, as far as clients that come to one of them belong to another: their session is
 * there, or a call of theirs waits there for an answer.
 */
export interface ClientNodes {
  /** The label of this one. */
  readonly own: string;
  /**
   * Hands a request on to another one, and returns its response.
   *
   * @param label of the other one, as the client gave it
   * @returns undefined if that one is gone or cannot be reached, so that the request was not carried out
   * @throws AppError if it was lost on its way back, or the other one refuses it
   */
  forward(label: string, incoming: EndpointRequest): Promise<Response | undefined>;
}

export interface EndpointOptions extends ReplyServices {
  services: EndpointServices;
  changes: OfferChanges;
  /** Is told of the sessions that end. */
  servers: Pick<McpServers, "endSession">;
  quotas: Quotas;
  /** The hosts that clients may belong to, where there are several. */
  clients?: ClientNodes;
  /** Returns what sees the messages of a request; undefined if nobody wants to. */
  tap(incoming: EndpointRequest): MessageTap | undefined;
  /** Makes an id that nobody can guess. */
  makeId(): string;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  onDefect(error: unknown): void;
}
