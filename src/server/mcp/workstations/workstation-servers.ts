import { type EndSignal, nativeSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import { asMessage, isObject, isRequest, isResponse, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { HttpFailure } from "../../../net/outbound.ts";
import { hopsHeader } from "../../../wire/hops.ts";
import { listenMethod, type McpCallRequest, passedMethods } from "../../../wire/link/mcp-calls.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { SentServerCall, VirtualServers } from "../../workstations/virtual-servers.ts";
import type { ServerCall, WorkstationCalls } from "../types.ts";
import { answerIn } from "./answer.ts";
import { BadLines, readLines } from "./response-lines.ts";

/** Milliseconds that the link may take besides the MCP server itself. */
const linkTime = 10_000;

/** Milliseconds without a sign after which a call that lasts is over. */
const leastSilence = 60_000;

/** A server that reports progress has so many times as long. */
const progressFactor = 10;

/** Calls the MCP servers that workstation agents publish. The agents run them; nothing is started here. */
export class WorkstationServers implements WorkstationCalls {
  readonly #workstations: VirtualServers;

  constructor(workstations: VirtualServers) {
    this.#workstations = workstations;
  }

  reaches(server: McpServerRow): boolean {
    return this.#workstations.hasAgentOf(server);
  }

  async call(call: ServerCall): Promise<JsonObject> {
    const { server, caller, method, params, mayRepeat, signal, onProgress, headers } = call;
    if (!passedMethods.has(method))
      throw new RpcError(
        rpcCodes.methodNotFound,
        `${method} is not passed on to MCP servers of workstations`,
      );
    const { callSeconds, startSeconds } = server.spec;
    const request: McpCallRequest = {
      method,
      params,
      capabilities: caller.capabilities,
      timeoutMs: callSeconds * 1000,
      mayRepeat,
      wantsProgress: onProgress !== undefined,
      ...(headers?.[hopsHeader] !== undefined && { hops: Number(headers[hopsHeader]) }),
    };
    const isEndless = method === listenMethod;
    const longestSilence = (startSeconds + callSeconds) * 1000 + linkTime;
    const silence = isEndless ? Math.max(longestSilence, leastSilence) : longestSilence;
    // An agent that sends something from time to time must not hold a call for ever (T182).
    const longest = isEndless ? undefined : AbortSignal.timeout(silence * progressFactor);
    const signals = [signal, longest].filter((one) => one !== undefined);
    try {
      const sent = this.#workstations.callServer({
        server,
        text: JSON.stringify(request),
        timeouts: { connect: silence, firstByte: silence, silence },
        signal: nativeSignal(...signals),
        isEndless,
      });
      return await this.#result(sent, call);
    } catch (error) {
      throw failureOf(error, server, longest?.aborted === true);
    }
  }

  /** Takes the lines of a response until its answer. Questions of the server are passed on to the client meanwhile. */
  async #result(sent: SentServerCall, call: ServerCall): Promise<JsonObject> {
    const response = await sent.response;
    if (response.status !== 200) throw new BadLines(`status ${response.status}`);
    const over = new AbortController();
    let answer: ReturnType<typeof answerIn>;
    try {
      await readLines(response, (line) => {
        answer = answerIn(line);
        if (answer === undefined) take(line, sent, call, over.signal);
        return answer !== undefined;
      });
    } finally {
      over.abort();
    }
    if (answer === undefined) throw new HttpFailure("closed", "the response ended without an answer");
    if ("result" in answer) return answer.result;
    if ("error" in answer) throw answer.error;
    throw answer.failureOf(call.server);
  }
}

/** Takes a message of the MCP server: a notification, or a request for the client. */
function take(
  line: JsonObject,
  sent: SentServerCall,
  { onProgress, onNotification, onRequest }: ServerCall,
  signal: EndSignal,
): void {
  const message = asMessage(line);
  if (!message || isResponse(message)) throw new BadLines("a line is neither a message nor an answer");
  if (isRequest(message)) {
    const { id } = message;
    onRequest(message, signal).then(
      (result) => sent.answer({ id, result }),
      (error: unknown) => sent.answer({ id, error: refusal(error).toJSON() }),
    );
  } else if (message.method === "notifications/progress") {
    if (isObject(message.params)) onProgress?.(message.params);
  } else onNotification?.(message);
}

function refusal(error: unknown): RpcError {
  return error instanceof RpcError
    ? error
    : new RpcError(rpcCodes.internalError, "the client did not answer");
}

/** Returns the error of a call that got no answer. */
function failureOf(error: unknown, { name, spec }: McpServerRow, isLate: boolean): unknown {
  const server = `MCP server "${name}"`;
  if (error instanceof BadLines)
    return new AppError("provider_error", `${server}: the answer of its workstation cannot be read`, {
      cause: error,
    });
  if (!(error instanceof HttpFailure)) return error;
  if (error.kind === "timeout" || isLate)
    return new AppError(
      "provider_timeout",
      `${server} did not answer within callSeconds (${spec.callSeconds} s); the call may have been carried out`,
      { cause: error },
    );
  if (error.kind === "cancelled")
    return new AppError("client_closed_request", `the call to ${server} was cancelled`, { cause: error });
  return new AppError(
    "provider_error",
    `the workstation of ${server} went away during the call, which may have been carried out and is not repeated`,
    { cause: error },
  );
}
