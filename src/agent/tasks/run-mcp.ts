import { type EndSignal, nativeSignal } from "../../end-signal.ts";
import type { Log } from "../../log.ts";
import { isObject, type JsonObject, type RpcRequest } from "../../mcp/messages.ts";
import { McpFailure, RpcError, rpcCodes } from "../../mcp/rpc-error.ts";
import {
  listenMethod,
  type McpAnswer,
  type McpCallRequest,
  maxLineBytes,
  passedMethods,
  type QuestionAnswer,
} from "../../wire/link/mcp-calls.ts";
import type { McpTask } from "../../wire/link/tasks.ts";
import { type LocalMcpServer, McpStartError } from "../core/mcp-server.ts";
import type { TaskLine } from "../transports/server-link.ts";

/** The most requests of an MCP server that wait for one client. */
const mostQuestions = 20;
/** The longest that a call may take between two signs of progress, in milliseconds: a day. */
const longestMs = 86_400_000;
/** Milliseconds between two signs that a call which lasts goes on. */
const beatMs = 15_000;

/** The requests of an MCP server that wait for the answers of the client of a call. */
export class Questions {
  readonly #waiting = new Map<string, PromiseWithResolvers<JsonObject>>();
  #last = 0;

  /** Waits for an answer. `send` gets the id under which it comes. */
  async ask(send: (id: string) => void, signal: EndSignal): Promise<JsonObject> {
    if (this.#waiting.size >= mostQuestions)
      throw new RpcError(rpcCodes.internalError, "too many requests wait for the client");
    const id = `q${++this.#last}`;
    const answer = Promise.withResolvers<JsonObject>();
    const onAbort = () => answer.reject(new RpcError(rpcCodes.internalError, "the call is over"));
    this.#waiting.set(id, answer);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      send(id);
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#waiting.delete(id);
    }
  }

  /** Takes an answer. One that nobody waits for is passed over. */
  answer(answer: QuestionAnswer): void {
    const waiting = this.#waiting.get(String(answer.id));
    if (!waiting) return;
    if ("result" in answer) return waiting.resolve(answer.result);
    const { code, message, data } = answer.error;
    waiting.reject(new RpcError(code, message, data));
  }
}

export interface McpRunContext {
  server: LocalMcpServer;
  line: TaskLine;
  questions: Questions;
  /** Aborts when the response is no longer wanted. */
  signal: AbortSignal;
  log: Log;
  /** Called if the call lasts until it is cancelled. */
  onEndless(): void;
}

/** Claims a call of an MCP server, makes it, and sends its messages and its answer. Returns when it is over. */
export async function runMcp(task: McpTask, run: McpRunContext): Promise<void> {
  const { line, signal } = run;
  const granted = await line.accept(task.attempt);
  if (!granted) return line.close();
  if (signal.aborted) return;
  // Sent at once: the server then waits for the MCP server, and not for this agent.
  if (!line.begin({ status: 200 }))
    return line.finish({ error: { kind: "malformed", message: "the server takes no answers in lines" } });
  const request = requestIn(task.request ?? granted.request);
  if (request?.method === listenMethod) run.onEndless();
  const answer = request ? await answerTo(request, run) : ({ failure: "refused" } as const);
  if (signal.aborted) return;
  const bytes = lineOf(answer);
  line.write(bytes.length > maxLineBytes ? lineOf({ failure: "malformed" }) : bytes);
  await line.end();
}

async function answerTo(
  request: McpCallRequest,
  { server, line, questions, signal, log }: McpRunContext,
): Promise<McpAnswer> {
  const beat = () => line.full || line.write(Buffer.from("\n"));
  const timer = request.method === listenMethod ? setInterval(beat, beatMs) : undefined;
  try {
    const result = await server.call(request, {
      signal,
      // A client that does not read misses progress: nothing is kept for it.
      onNotification: (notification) => void (line.full || line.write(lineOf(notification))),
      ask: ({ method, params }: RpcRequest, over) => {
        const send = (id: string) =>
          line.write(lineOf({ jsonrpc: "2.0", id, method, ...(params && { params }) }));
        return questions.ask(send, nativeSignal(signal, over));
      },
    });
    return { result };
  } catch (error) {
    if (error instanceof RpcError) return { error: error.toJSON() };
    if (error instanceof McpStartError) return { failure: "start", retryAfter: error.retryAfter };
    if (!signal.aborted) log.warn(`${server.config.name}: a call failed: ${(error as Error).message}`);
    if (!(error instanceof McpFailure)) return { failure: "closed" };
    const isKnown = error.kind === "timeout" || error.kind === "malformed";
    return { failure: isKnown ? (error.kind as "timeout" | "malformed") : "closed" };
  } finally {
    clearInterval(timer);
  }
}

/** Returns a request that this agent passes on; undefined for any other (T181). */
function requestIn(value: unknown): McpCallRequest | undefined {
  if (!isObject(value)) return undefined;
  const { method, params, capabilities, timeoutMs, mayRepeat, wantsProgress, hops } = value;
  if (typeof method !== "string" || !passedMethods.has(method)) return undefined;
  const limit = Number(timeoutMs);
  return {
    method,
    params: isObject(params) ? params : {},
    capabilities: isObject(capabilities) ? capabilities : {},
    timeoutMs: limit > 0 && limit < longestMs ? limit : longestMs,
    mayRepeat: mayRepeat === true,
    wantsProgress: wantsProgress === true,
    ...(Number.isSafeInteger(hops) && { hops: hops as number }),
  };
}

function lineOf(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}
