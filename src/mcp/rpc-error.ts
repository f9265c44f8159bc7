/** Codes of JSON-RPC and of MCP (https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes). */
export const rpcCodes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** An error as JSON-RPC carries it: of a server, or for a client. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = data;
  }

  /** Returns the `error` field of a response. */
  toJSON(): { code: number; message: string; data?: unknown } {
    return { code: this.code, message: this.message, ...(this.data !== undefined && { data: this.data }) };
  }
}

interface McpFailureOptions {
  isUnsent?: boolean;
  status?: number;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** A server that gave no answer: it has gone, is silent, or sends something else. */
export class McpFailure extends Error {
  /**
   * - `closed`: the connection or the process ended
   * - `timeout`: no answer in time
   * - `cancelled`: the caller has gone
   * - `session`: the server does not know the session any more
   * - `refused`: the server answered with an HTTP status that is no success
   * - `malformed`: the answer is not a message of MCP
   */
  readonly kind: "closed" | "timeout" | "cancelled" | "session" | "refused" | "malformed";
  /** True if the request cannot have reached the server, so that it may be sent again. */
  readonly isUnsent: boolean;
  /** The status of a `refused` request. */
  readonly status: number | undefined;
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: McpFailure["kind"],
    message: string,
    { isUnsent = false, status, retryAfter, cause }: McpFailureOptions = {},
  ) {
    super(message, { cause });
    this.name = "McpFailure";
    this.kind = kind;
    this.isUnsent = isUnsent;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
