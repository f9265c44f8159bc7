import { AppError } from "../../../errors.ts";
import type { JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { tokenIdOf } from "../../core/access/policy.ts";
import { ofPrivate } from "../../core/caller.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { Audit } from "../../observability/audit.ts";
import type { McpServers } from "../types.ts";
import type { ClientExchange } from "./exchange.ts";

/** The thing that a call is about, for the audit log. */
export type CallSubject = { tool: string } | { prompt: string } | { uri: string };

export interface CallDetails {
  /** As the server understands them. */
  params: JsonObject;
  subject: CallSubject;
  /** True if a call that got lost may be sent again. */
  mayRepeat: boolean;
}

/** Calls servers for clients. Each call is one event of the audit log, committed before the answer goes out. */
export class McpCalls {
  readonly #servers: McpServers;
  readonly #audit: Audit;
  readonly #now: () => number;

  constructor({ servers, audit, now }: { servers: McpServers; audit: Audit; now: () => number }) {
    this.#servers = servers;
    this.#audit = audit;
    this.#now = now;
  }

  /** @throws RpcError for the client */
  async call(
    exchange: ClientExchange,
    server: McpServerRow,
    { params, subject, mayRepeat }: CallDetails,
  ): Promise<JsonObject> {
    const start = performance.now();
    let result: JsonObject | undefined;
    let failure: RpcError | undefined;
    try {
      result = await this.#servers.call({
        server,
        caller: exchange.caller,
        method: exchange.method,
        params: withoutToken(params),
        signal: exchange.signal,
        mayRepeat,
        onRequest: (request, signal) => exchange.ask(request, signal),
        onNotification: (notification) => exchange.send(notification),
        ...progressOf(exchange),
      });
    } catch (error) {
      failure = forClient(error, server.name);
    }
    await this.#record(exchange, server, subject, performance.now() - start, { params, result, failure });
    if (failure) throw failure;
    return result!;
  }

  async #record(
    { caller: { principal }, project, requestId }: ClientExchange,
    server: McpServerRow,
    subject: CallSubject,
    durationMs: number,
    {
      params,
      result,
      failure,
    }: { params: JsonObject; result: JsonObject | undefined; failure: RpcError | undefined },
  ): Promise<void> {
    await this.#audit.record({
      at: this.#now(),
      action: "mcp_call",
      requestId,
      userId: principal.userId,
      tokenId: tokenIdOf(principal),
      status: failure ? 500 : 200,
      durationMs,
      detail: {
        project: project.name,
        server: server.name,
        ...subject,
        bytesIn: sizeOf(params),
        bytesOut: result ? sizeOf(result) : 0,
        ...(result?.["isError"] === true && { isError: true }),
        ...(failure && { error: failure.code }),
        ...ofPrivate(server.visibility === "private"),
      },
    });
  }
}

/** Returns the handler of progress, if the client asked for it: with the client's own token. */
function progressOf({ params, send }: ClientExchange): { onProgress?(progress: JsonObject): void } {
  const token = (params["_meta"] as JsonObject | undefined)?.["progressToken"];
  if (token === undefined) return {};
  return {
    onProgress: (progress) =>
      send({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { ...progress, progressToken: token },
      }),
  };
}

/** Tokens for progress are unique per sender only, so the server gets another one. */
function withoutToken(params: JsonObject): JsonObject {
  const meta = params["_meta"] as JsonObject | undefined;
  if (meta?.["progressToken"] === undefined) return params;
  const { progressToken, ...rest } = meta;
  return { ...params, _meta: rest };
}

function forClient(error: unknown, server: string): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof AppError) return new RpcError(rpcCodes.internalError, `${server}: ${error.message}`);
  return new RpcError(rpcCodes.internalError, `${server}: the call failed`);
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
