import type { EndSignal } from "../../end-signal.ts";
import type { Exchange } from "../../net/http1/exchange.ts";
import type { JsonObject, RpcNotification, RpcRequest } from "../messages.ts";

/** The part of a response that a wire uses. */
export type WireResponse = Pick<Exchange, "status" | "headers" | "text" | "pipe" | "cancel">;

/** One request to a server, and what belongs to it. Times are in milliseconds. */
export interface ExchangeOptions {
  /** Ends the request: the server is told, and `McpFailure` of kind `cancelled` is thrown. */
  signal?: EndSignal | undefined;
  /** Time to the answer. Each progress starts it again. */
  timeout: number;
  /** Time to the answer, whatever progress there is; ten times `timeout` if not given. */
  longest?: number;
  /** Headers that repeat arguments, for servers over HTTP. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** True for a request whose notifications are events of the server, and not of this request. */
  isSubscription?: boolean;
  /** Takes the progress of this request; without it the server is not asked for any. */
  onProgress?: ((params: JsonObject) => void) | undefined;
  /** Takes other notifications that belong to this request. */
  onNotification?: ((notification: RpcNotification) => void) | undefined;
  /** Answers requests of the server that belong to this request. Throws RpcError to refuse. */
  onRequest?: ((request: RpcRequest, signal: EndSignal) => Promise<JsonObject>) | undefined;
}

/** Takes what a server sends by itself. */
export interface WireEvents {
  onNotification(notification: RpcNotification): void;
  /** Called once. No request gets an answer any more. */
  onClose(reason: Error): void;
  /** Gets a line that is no message, for the log. */
  onNoise?(text: string): void;
}

/** A connection to an MCP server on which requests are multiplexed. It does not know the revision. */
export interface UpstreamWire {
  /**
   * Sends a request and returns its result, with all fields.
   *
   * @throws RpcError with which the server answered; McpFailure if there is no answer
   */
  exchange(method: string, params: JsonObject, options: ExchangeOptions): Promise<JsonObject>;
  /** Sends a notification. @throws McpFailure if it cannot be sent */
  notify(method: string, params?: JsonObject): Promise<void>;
  /** Tells the wire which revision is spoken, once it is known. */
  use(revision: string): void;
  /** Takes no further requests, and closes when those under way are over. Left out where they cannot be over without it. */
  retire?(): Promise<void>;
  close(): Promise<void>;
}
