import type { EndSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { keptPromise, usableResult } from "../../../mcp/usable/result.ts";
import { largeText, nextTurn } from "../../../wire/next-turn.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { Audit } from "../../observability/audit.ts";
import type { ContentPipeline } from "../content/pipeline.ts";
import { type CallSubject, callEvent } from "./call-event.ts";
import { type ClientExchange, WrittenResult } from "./exchange.ts";
import type { McpMetrics } from "./mcp-metrics.ts";
import type { RelayedCalls, ServerRequest } from "./relayed-calls.ts";

export interface CallDetails extends ServerRequest {
  subject: CallSubject;
  /** The definition of the tool. */
  definition?: JsonObject;
  /** True if the result is not for a client: it is not cut. */
  isWhole?: boolean;
  /** Changes the result for the client: its names, and what its era needs. */
  adapt?(result: JsonObject): JsonObject;
  /** Adds to the result, when all else is done with it. */
  complete?(result: JsonObject): Promise<JsonObject>;
}

export interface McpCallsOptions {
  /** Counts a call of a principal, or refuses it. Throws AppError `too_many_requests`. */
  admit(principal: Principal): void;
  servers: RelayedCalls;
  content: ContentPipeline;
  audit: Audit;
  metrics: McpMetrics;
  now(): number;
}

/** Calls servers for clients. Each call is one event of the audit log, committed before the answer goes out. */
export class McpCalls {
  readonly #options: McpCallsOptions;

  constructor(options: McpCallsOptions) {
    this.#options = options;
  }

  /** Counts what reaches a server and is no call. Throws AppError `too_many_requests`. */
  admit(principal: Principal): void {
    this.#options.admit(principal);
  }

  /** @throws RpcError for the client */
  call(exchange: ClientExchange, server: McpServerRow, details: CallDetails): Promise<WrittenResult> {
    const { adapt, complete, subject, definition, isWhole = false } = details;
    return this.answer(exchange, server, subject, async () => {
      const given = await this.#options.servers.call(exchange, server, details);
      const usable = usableResult(exchange.method, given, nameOf(subject));
      const answer = definition?.["outputSchema"] === undefined ? usable : keptPromise(usable);
      const source = { server, subject: nameOf(subject), isWhole, ...(definition && { definition }) };
      const shown = this.#options.content.apply(exchange, source, adapt ? adapt(answer) : answer);
      const result = shown instanceof Promise ? await shown : shown;
      return complete ? complete(result) : result;
    });
  }

  /**
   * Returns the result of a tool that came within another answer, as the client gets it.
   *
   * @throws RpcError for the client
   */
  refined(
    exchange: ClientExchange,
    server: McpServerRow,
    { subject, definition }: Pick<CallDetails, "subject" | "definition">,
    result: JsonObject,
  ): JsonObject | Promise<JsonObject> {
    const { project, requestId, caller } = exchange;
    const use = { project, requestId, caller, method: "tools/call" };
    const source = { server, subject: nameOf(subject), ...(definition && { definition }) };
    return this.#options.content.apply(use, source, result);
  }

  /**
   * Answers a call without a server: what it is about belongs to the project itself.
   *
   * @throws RpcError for the client
   */
  own(
    exchange: ClientExchange,
    subject: CallSubject,
    work: () => Promise<JsonObject>,
  ): Promise<WrittenResult> {
    return this.answer(exchange, undefined, subject, async () => ({
      resultType: "complete",
      ...(await work()),
    }));
  }

  /**
   * Answers a call in some way: it counts, and the audit log has it.
   *
   * @param server undefined if the call is about the project itself
   * @throws RpcError for the client
   */
  async answer(
    exchange: ClientExchange,
    server: McpServerRow | undefined,
    subject: CallSubject,
    work: () => Promise<JsonObject>,
  ): Promise<WrittenResult> {
    const name = server?.name ?? exchange.project.name;
    const trial = this.#options.audit.assertWorks();
    if (trial)
      await trial.catch((error) => {
        throw failureOf(error, name, exchange.signal).error;
      });
    const start = performance.now();
    let written: WrittenResult | undefined;
    let outcome: CallOutcome;
    try {
      this.#options.admit(exchange.caller.principal);
      const result = forEra(await work(), exchange);
      if (isLarge(result)) await nextTurn();
      written = new WrittenResult(JSON.stringify(result));
      outcome = { status: 200, ...outcomeOf(result) };
    } catch (error) {
      outcome = failureOf(error, name, exchange.signal);
    }
    const durationMs = performance.now() - start;
    const tool = "tool" in subject ? subject.tool : undefined;
    if (server) this.#options.metrics.called(server, tool, outcome.status, durationMs);
    const { status, noted, error } = outcome;
    const ended = {
      subject,
      by: server && { server: server.name, id: server.id },
      isPrivate: server?.visibility === "private",
      status,
      durationMs,
      written,
      ...(noted && { noted }),
      ...(error && { error: error.code }),
    };
    await this.#options.audit.record(callEvent(exchange, ended, this.#options.now()));
    if (error) throw error;
    return written!;
  }
}

interface CallOutcome {
  /** The HTTP status that says the same, for the audit log and metrics. */
  status: number;
  noted?: { isError: true } | { inputRequired: true };
  error?: RpcError;
}

function outcomeOf(result: JsonObject): Pick<CallOutcome, "noted"> {
  if (result["isError"] === true) return { noted: { isError: true } };
  return result["resultType"] === "input_required" ? { noted: { inputRequired: true } } : {};
}

/** The statuses of errors with which servers answer. Others are the server's fault. */
const statuses: Readonly<Record<number, number>> = {
  [rpcCodes.invalidParams]: 400,
  [rpcCodes.invalidRequest]: 400,
  [rpcCodes.headerMismatch]: 400,
  [rpcCodes.missingCapability]: 400,
  [rpcCodes.methodNotFound]: 404,
};

/** The code of JSON-RPC for a call that a limit refuses. */
const limited = -32_000;

/** Returns the outcome of a call that failed, with the error for the client. */
function failureOf(error: unknown, server: string, signal: EndSignal): CallOutcome {
  if (signal.aborted)
    return { status: 499, error: new RpcError(rpcCodes.internalError, "the call was cancelled") };
  if (error instanceof RpcError) return { status: statuses[error.code] ?? 502, error };
  if (!(error instanceof AppError))
    return { status: 502, error: new RpcError(rpcCodes.internalError, `${server}: the call failed`) };
  const { status, message, hint, retryAfter, code } = error;
  const data = { code, ...(hint !== undefined && { hint }), ...(retryAfter !== undefined && { retryAfter }) };
  const isLimit = status === 429;
  const isNamed = [`MCP server ${server} `, `MCP server ${server}:`, `MCP server "${server}"`].some((words) =>
    message.includes(words),
  );
  return {
    status,
    error: new RpcError(
      isLimit ? limited : rpcCodes.internalError,
      isLimit || isNamed ? message : `${server}: ${message}`,
      data,
    ),
  };
}

/** True if a result takes long to be written. It came in this turn of the event loop, and was long to read. */
function isLarge({ content }: JsonObject): boolean {
  const isLong = (one: unknown) => isObject(one) && String(one["text"] ?? "").length > largeText;
  return Array.isArray(content) && content.some(isLong);
}

/** Returns a result without the fields that only modern clients know. */
function forEra(result: JsonObject, { era }: ClientExchange): JsonObject {
  if (era === "modern") return result;
  const { resultType, ttlMs, cacheScope, ...rest } = result;
  return rest;
}

/** Returns the name or URI that a call is about. */
function nameOf(subject: CallSubject): string {
  const { tool, prompt, uri } = subject as { tool?: string; prompt?: string; uri?: string };
  return tool ?? prompt ?? uri ?? "";
}
