import type { EndSignal } from "../../../end-signal.ts";
import type { JsonObject, RpcNotification, RpcRequest } from "../../../mcp/messages.ts";
import type { Era } from "../../../mcp/revisions.ts";
import type { ReadHeaders } from "../../../wire/incoming-request.ts";
import type { AskChain } from "../../core/ask-chain.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { GateSession } from "../gate/gate-use.ts";
import type { McpCaller } from "../types.ts";

/** One request of a client to the endpoint of a project, in either era. */
export interface ClientExchange {
  /** The id of the HTTP request that it came with. */
  requestId: string;
  era: Era;
  project: ProjectRow;
  caller: McpCaller;
  method: string;
  /** Without the envelope of the modern era. */
  params: JsonObject;
  /** The headers of the HTTP request. */
  headers: ReadHeaders;
  /** The bytes of the HTTP request's body. */
  bytesIn: number;
  /** The least important log messages that the client wants; undefined if all, or in the modern era none. */
  logLevel: string | undefined;
  /** Aborts when the client has gone or has cancelled the request. */
  signal: EndSignal;
  /** The session of a legacy client. */
  session?: ExchangeSession;
  /** True for callers that the gate does not brief. */
  isExempt?: boolean;
  /** Sends a notification that belongs to the request. */
  send(notification: RpcNotification): void;
  /**
   * Asks the client. Only a legacy client can be asked while its request is under way.
   *
   * @throws RpcError if it refuses or cannot be asked
   */
  ask(request: RpcRequest, signal: EndSignal): Promise<JsonObject>;
  /** The personas that have asked each other, for a call that a persona makes. */
  chain?: AskChain;
}

/** The session of a legacy client, as far as its requests change it. */
export interface ExchangeSession extends ResourceSubscriber, GateSession {
  logLevel: string | undefined;
  /** True if the client holds a stream for messages that belong to no request. */
  readonly hasStream: boolean;
  /** Tells the client that lists have changed, on its stream. */
  onChange(lists: ReadonlySet<"tools">): void;
}

/** Somebody who is told of changes of resources. */
export interface ResourceSubscriber {
  /** The resources that it follows, by the URI that it uses, with the functions that end it. */
  readonly subscriptions: Map<string, () => void>;
  onResourceUpdated(uri: string): void;
}

/** A result that was written as JSON already, so that its size is known and it is not written twice. */
export class WrittenResult {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
