import type { EndSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject, type RpcNotification, type RpcRequest } from "../../../mcp/messages.ts";
import { eraOf } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { hopsHeader, hopsIn, nextHop } from "../../../wire/hops.ts";
import { personalIds } from "../../core/access/policy.ts";
import { isVirtual, type McpServerRow } from "../../core/store/typed-rows.ts";
import type { McpServers } from "../types.ts";
import type { ClientExchange } from "./exchange.ts";
import { isWanted } from "./log-levels.ts";
import { type ClientSampler, capabilitiesFor, checkPage, checkQuestion, isForLlm } from "./questions.ts";
import { answerTime, ParkedCalls, RunningCall } from "./running-call.ts";
import type { Sealer } from "./sealer.ts";

/** A call as its server understands it. */
export interface ServerRequest {
  params: JsonObject;
  /** Headers that repeat arguments. */
  headers?: Readonly<Record<string, string>>;
  /** True if a call that got lost may be sent again. */
  mayRepeat: boolean;
}

/** The most times that a server may ask for more before it gives a result, and the most questions at a time (T321). */
const maxRounds = 20;
const maxQuestions = 100;

/** The most characters of a sealed state. A client sends it back in a message of 4 MB. */
const maxState = 1024 * 1024;

/** The state of a call that asks its client, sealed: the client gives it back with its answers. */
interface CallState extends JsonObject {
  /** The server, method and name that it belongs to. */
  of: string;
  /** The call that waits here. */
  call?: string;
  /** The state that the server itself gave. */
  state?: string;
  /** Answers that the project's llm gave already. */
  answered?: JsonObject;
}

export interface RelayServices {
  servers: McpServers;
  sealer: Sealer;
  sample: ClientSampler;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/**
 * Calls servers and lets them ask the client, whatever the eras of the two: a legacy client is asked while it waits, a
 * modern one is answered with the questions and calls again.
 */
export class RelayedCalls {
  readonly parked: ParkedCalls;
  readonly #services: RelayServices;

  constructor(services: RelayServices) {
    this.#services = services;
    this.parked = new ParkedCalls(services.elapsed);
  }

  /**
   * @returns the result, or `input_required` for a modern client
   * @throws RpcError of the server or about the request; AppError if there is no answer
   */
  call(exchange: ClientExchange, server: McpServerRow, request: ServerRequest): Promise<JsonObject> {
    return exchange.era === "legacy"
      ? this.#forLegacy(exchange, server, request)
      : this.#forModern(exchange, server, request);
  }

  async #forLegacy(
    exchange: ClientExchange,
    server: McpServerRow,
    request: ServerRequest,
  ): Promise<JsonObject> {
    const { signal } = exchange;
    let params = request.params;
    for (let round = 0; round < maxRounds; round++) {
      const result = await this.#sendOnce(exchange, server, { ...request, params });
      if (result["resultType"] !== "input_required") return result;
      const questions = questionsIn(result);
      const answers = await Promise.all(
        Object.entries(questions).map(async ([key, question]) => [
          key,
          await this.#ask(exchange, { jsonrpc: "2.0", id: key, ...question }, signal),
        ]),
      );
      params = withAnswers(request.params, Object.fromEntries(answers) as JsonObject, result["requestState"]);
    }
    throw askedTooOften(server);
  }

  async #forModern(
    exchange: ClientExchange,
    server: McpServerRow,
    request: ServerRequest,
  ): Promise<JsonObject> {
    const { requestState, inputResponses, ...own } = request.params;
    checkAnswers(inputResponses);
    const { protocol } = server.status;
    const isLegacy = eraOf(protocol ?? "") === "legacy";
    let params: JsonObject = inputResponses === undefined || isLegacy ? own : { ...own, inputResponses };
    if (requestState !== undefined) {
      const { call, answered, state } = this.#open(exchange, server, requestState);
      if (call !== undefined) return this.#resume(exchange, server, call, inputResponses);
      const given = isObject(inputResponses) ? inputResponses : {};
      params = withAnswers(own, { ...answered, ...given }, state);
    }
    for (let round = 0; round < maxRounds; round++) {
      let result: JsonObject | undefined;
      // A server of the modern era asks with its result only.
      if (protocol !== undefined && !isLegacy)
        result = await this.#sendOnce(exchange, server, { ...request, params });
      else {
        const call = this.#start(exchange, server, { ...request, params });
        result = await call.wait(exchange).catch(urlQuestions);
        if (result === undefined) return this.#park(exchange, server, call);
      }
      if (result["resultType"] !== "input_required") return result;
      const questions = questionsIn(result);
      const answered = await this.#sampled(exchange, questions);
      const left = Object.entries(questions).filter(([key]) => !Object.hasOwn(answered, key));
      const state = result["requestState"];
      if (left.length > 0 || Object.keys(answered).length === 0)
        return this.#relayed(exchange, server, result, Object.fromEntries(left), answered);
      params = withAnswers(own, answered, state);
    }
    throw askedTooOften(server);
  }

  /** Makes a call that lasts no longer than the client's request. */
  #sendOnce(exchange: ClientExchange, server: McpServerRow, request: ServerRequest): Promise<JsonObject> {
    return this.#send(exchange, server, request, {
      ask: (question, over) => this.#ask(exchange, question, over),
      signal: exchange.signal,
      notify: (one) => exchange.send(one),
    }).catch(withPages);
  }

  /** Begins a call that can outlive the client's request, because its server may ask something. */
  #start(exchange: ClientExchange, server: McpServerRow, request: ServerRequest): RunningCall {
    return new RunningCall(exchange, (call) => {
      const ask = (question: RpcRequest, signal: EndSignal) => {
        if (isForLlm(question, call.exchange)) return this.#sample(call.exchange, question, signal);
        checkQuestion(question, call.exchange);
        return call.ask(question, signal);
      };
      return this.#send(exchange, server, request, {
        ask,
        signal: call.signal,
        notify: (one) => call.notify(one),
      });
    });
  }

  /** Goes on with a call whose client has come back. */
  async #resume(
    exchange: ClientExchange,
    server: McpServerRow,
    id: string,
    responses: unknown,
  ): Promise<JsonObject> {
    const call = this.parked.take(id);
    if (!call) throw unknownState();
    call.answer(responses);
    const result = await call.wait(exchange).catch(urlQuestions);
    return result ?? this.#park(exchange, server, call);
  }

  /** Returns the questions of the server for the client. The call waits for the answers. */
  #park(exchange: ClientExchange, server: McpServerRow, call: RunningCall): JsonObject {
    this.parked.park(call);
    return {
      resultType: "input_required",
      inputRequests: call.questions,
      requestState: this.#seal(exchange, server, { call: call.id }),
    };
  }

  /** Returns the questions of a modern server for a modern client, with the server's state sealed. */
  #relayed(
    exchange: ClientExchange,
    server: McpServerRow,
    result: JsonObject,
    questions: JsonObject,
    answered: JsonObject,
  ): JsonObject {
    const state = result["requestState"];
    const hasAnswers = Object.keys(answered).length > 0;
    if (state === undefined && !hasAnswers) return result;
    const sealed = this.#seal(exchange, server, {
      ...(state !== undefined && { state }),
      ...(hasAnswers && { answered }),
    });
    const asks = result["inputRequests"] !== undefined;
    return { ...result, ...(asks && { inputRequests: questions }), requestState: sealed };
  }

  /** Lets the project's llm answer those questions that are for it. */
  async #sampled(exchange: ClientExchange, questions: Record<string, Question>): Promise<JsonObject> {
    const answered: JsonObject = {};
    for (const [key, question] of Object.entries(questions)) {
      if (isForLlm(question, exchange))
        answered[key] = await this.#sample(exchange, question, exchange.signal);
      else checkQuestion(question, exchange);
    }
    return answered;
  }

  async #ask(exchange: ClientExchange, question: RpcRequest, signal: EndSignal): Promise<JsonObject> {
    if (isForLlm(question, exchange)) return this.#sample(exchange, question, signal);
    checkQuestion(question, exchange);
    return exchange.ask(question, signal);
  }

  #sample(exchange: ClientExchange, { params }: Question, signal: EndSignal): Promise<JsonObject> {
    return this.#services.sample(exchange, params ?? {}, signal);
  }

  #send(
    exchange: ClientExchange,
    server: McpServerRow,
    { params, headers, mayRepeat }: ServerRequest,
    { ask, signal, notify }: ServerCallEvents,
  ): Promise<JsonObject> {
    const token = progressTokenOf(params);
    return this.#services.servers.call({
      server,
      caller: { ...exchange.caller, capabilities: capabilitiesFor(exchange) },
      method: exchange.method,
      params: withoutToken(params),
      // An MCP server elsewhere, or that of a workstation, may be a project of another mcpctl, which leads back here (T300).
      ...(server.spec.url === undefined && !isVirtual(server)
        ? headers && { headers }
        : { headers: { ...headers, ...nextHops(exchange) } }),
      signal,
      mayRepeat,
      onRequest: ask,
      onNotification(notification) {
        if (isWanted(notification, exchange)) notify(notification);
      },
      ...(token !== undefined && {
        onProgress: (progress: JsonObject) =>
          notify({
            jsonrpc: "2.0",
            method: "notifications/progress",
            params: { ...progress, progressToken: token },
          }),
      }),
    });
  }

  #seal(exchange: ClientExchange, server: McpServerRow, state: Omit<CallState, "of">): string {
    const value = { ...state, of: subjectOf(exchange, server) };
    const sealed = this.#services.sealer.seal(value, ownerOf(exchange), answerTime);
    if (sealed.length <= maxState) return sealed;
    throw new RpcError(rpcCodes.internalError, "the state that the server wants back has more than 1 MB");
  }

  /** Opens a state. Throws RpcError if it is not that of this principal, project, server and call. */
  #open(exchange: ClientExchange, server: McpServerRow, sealed: unknown): CallState {
    const state = this.#services.sealer.open(sealed, ownerOf(exchange)) as CallState | undefined;
    if (state?.of !== subjectOf(exchange, server)) throw unknownState();
    return state;
  }
}

/** Returns the header that counts this program. Throws AppError `loop_detected` if the call has passed too many. */
function nextHops({ headers }: ClientExchange): Record<string, string> {
  return { [hopsHeader]: String(nextHop(hopsIn(headers.get(hopsHeader)))) };
}

/** A question of a server to its client. */
type Question = Pick<RpcRequest, "method"> & { params?: JsonObject };

interface ServerCallEvents {
  signal: EndSignal;
  ask(question: RpcRequest, signal: EndSignal): Promise<JsonObject>;
  notify(notification: RpcNotification): void;
}

/** Returns those for whom a state is sealed. */
function ownerOf({ caller: { principal }, project }: ClientExchange): string {
  return `requestState ${personalIds(principal).id} ${project.id}`;
}

/** Returns the call that a state belongs to: that of one tool cannot be used with another one. */
function subjectOf({ method, params }: ClientExchange, { id }: McpServerRow): string {
  return JSON.stringify([id, method, params["name"], params["uri"]]);
}

function questionsIn(result: JsonObject): Record<string, Question> {
  const requests = result["inputRequests"];
  const found: Record<string, Question> = {};
  const entries = Object.entries(isObject(requests) ? requests : {});
  if (entries.length > maxQuestions)
    throw new RpcError(
      rpcCodes.internalError,
      `the server asks more than ${maxQuestions} questions at a time`,
    );
  for (const [key, request] of entries) {
    const { method, params } = isObject(request) ? request : {};
    if (typeof method !== "string")
      throw new RpcError(rpcCodes.internalError, "the server asks for something that is no request");
    found[key] = { method, ...(isObject(params) && { params }) };
  }
  return found;
}

/** The code with which legacy servers say that the user has to open pages first (revision 2025-11-25). */
const urlElicitationRequired = -32_042;

/** Returns the pages that a legacy server wants opened with its error. */
function pagesIn(error: unknown): JsonObject[] {
  const isAsking = error instanceof RpcError && error.code === urlElicitationRequired && isObject(error.data);
  const pages = isAsking ? (error.data as JsonObject)["elicitations"] : undefined;
  return Array.isArray(pages) ? pages.filter(isObject) : [];
}

/** Throws an error of a server on, if its pages are some. */
function withPages(error: unknown): never {
  for (const { url } of pagesIn(error)) checkPage(url);
  throw error;
}

/** Returns the pages that a legacy server wants opened as questions, which is how the modern era says it. */
function urlQuestions(error: unknown): JsonObject {
  const pages = pagesIn(error);
  if (pages.length === 0) throw error;
  const questions = pages.map((params, i) => [`page-${i + 1}`, { method: "elicitation/create", params }]);
  return { resultType: "input_required", inputRequests: Object.fromEntries(questions) };
}

/** Refuses answers that are no objects, before a server takes them for what it asked. */
function checkAnswers(answers: unknown): void {
  const isValid = answers === undefined || (isObject(answers) && Object.values(answers).every(isObject));
  if (!isValid) throw new RpcError(rpcCodes.invalidParams, "inputResponses must be an object of objects");
}

function withAnswers(params: JsonObject, inputResponses: JsonObject, requestState: unknown): JsonObject {
  return { ...params, inputResponses, ...(requestState !== undefined && { requestState }) };
}

function progressTokenOf(params: JsonObject): unknown {
  return isObject(params["_meta"]) ? params["_meta"]["progressToken"] : undefined;
}

/** Tokens for progress are unique per sender only, so the server gets another one. */
function withoutToken(params: JsonObject): JsonObject {
  if (progressTokenOf(params) === undefined) return params;
  const { progressToken, ...rest } = params["_meta"] as JsonObject;
  return { ...params, _meta: rest };
}

function unknownState(): RpcError {
  return new RpcError(
    rpcCodes.invalidParams,
    "the requestState is not that of this call, or is too old; call again without it",
  );
}

function askedTooOften({ name }: McpServerRow): AppError {
  return new AppError("provider_error", `server "${name}" asked for more than ${maxRounds} times`);
}
