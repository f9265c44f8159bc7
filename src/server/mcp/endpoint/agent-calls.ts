import { nativeSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { hopsHeader } from "../../../wire/hops.ts";
import type { Principal } from "../../core/access/policy.ts";
import { AskChain } from "../../core/ask-chain.ts";
import type { AskPersona } from "../../inference/personas/tools/ask-persona.ts";
import type { Audit } from "../../observability/audit.ts";
import type { AgentTool } from "../offers/agent-tools.ts";
import { callEvent } from "./call-event.ts";
import { type ClientExchange, WrittenResult } from "./exchange.ts";

export interface AgentCallsOptions {
  /** Counts a call of a principal, or refuses it. Throws AppError `too_many_requests`. */
  admit(principal: Principal): void;
  ask: AskPersona;
  audit: Audit;
  now(): number;
}

/** The outcome of a question. */
interface AgentAnswer {
  text: string;
  /** The HTTP status that says the same. */
  status: number;
  error?: string;
}

/** Asks personas for clients. Each call is one event of the audit log, besides those of the llm and of its tools. */
export class AgentCalls {
  readonly #options: AgentCallsOptions;

  constructor(options: AgentCallsOptions) {
    this.#options = options;
  }

  /**
   * Returns the answer. A failure is a result too, so that the client's model can go on.
   *
   * @param complete adds to the result
   */
  async call(
    exchange: ClientExchange,
    tool: AgentTool,
    complete?: (result: JsonObject) => Promise<JsonObject>,
  ): Promise<WrittenResult> {
    const start = performance.now();
    const { text, status, error } = await this.#answer(exchange, tool);
    const result = {
      ...(exchange.era === "modern" && { resultType: "complete" }),
      content: [{ type: "text", text }],
      ...(error !== undefined && { isError: true }),
    };
    const written = new WrittenResult(JSON.stringify(complete ? await complete(result) : result));
    const { name, persona } = tool;
    const ended = {
      subject: { tool: name },
      by: { agent: persona.name, id: persona.id },
      isPrivate: persona.visibility === "private",
      status,
      durationMs: performance.now() - start,
      written,
      ...(error !== undefined && { error }),
    };
    await this.#options.audit.record(callEvent(exchange, ended, this.#options.now()));
    return written;
  }

  async #answer(exchange: ClientExchange, { persona }: AgentTool): Promise<AgentAnswer> {
    const { caller, requestId, signal, params } = exchange;
    try {
      this.#options.admit(caller.principal);
      const message = messageIn(params["arguments"]);
      const chain = (exchange.chain ?? AskChain.begin()).next();
      if (!chain)
        throw new AppError("invalid_request", "agents have asked each other too often for this call");
      const onTools = progressOf(exchange);
      const text = await this.#options.ask({
        principal: caller.principal,
        persona,
        message,
        requestId,
        hops: exchange.headers.get(hopsHeader),
        signal: nativeSignal(signal),
        chain,
        onTools,
      });
      return { text, status: 200 };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { status, code, message } = error;
      return { text: message, status: signal.aborted ? 499 : status, error: code };
    }
  }
}

function messageIn(args: unknown): string {
  const message = isObject(args) ? args["message"] : undefined;
  if (typeof message === "string" && message.trim() !== "") return message;
  throw new AppError("invalid_request", "message must be a text");
}

/** Returns a function that tells the client of the agent's tools, if it wants progress: it may wait longer then. */
function progressOf({ params, send }: ClientExchange): (names: readonly string[]) => void {
  const meta = params["_meta"];
  const progressToken = isObject(meta) ? meta["progressToken"] : undefined;
  let progress = 0;
  return (names) => {
    if (progressToken === undefined) return;
    const message = `calls ${names.slice(0, 10).join(", ")}`;
    const told: JsonObject = { progressToken, progress: ++progress, message };
    send({ jsonrpc: "2.0", method: "notifications/progress", params: told });
  };
}
