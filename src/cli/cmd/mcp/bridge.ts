import { AppError } from "../../../errors.ts";
import { headersOf } from "../../../mcp/http-headers.ts";
import { isObject, type RpcId } from "../../../mcp/messages.ts";
import { metaKeys } from "../../../mcp/revisions.ts";
import { systemCodeOf } from "../../../system-errors.ts";
import { ByteLines, LineTooLong } from "../../../wire/byte-lines.ts";
import { SseParser } from "../../../wire/sse.ts";
import { answerError } from "../../client/answer-error.ts";
import type { ApiClient } from "../../client/client.ts";

/** The most bytes of one message, in either direction. */
const maxMessageBytes = 10 * 1024 * 1024;
/** Milliseconds for which a server that cannot be reached is tried again: it may be restarting. */
const reachTime = 30_000;
/** Milliseconds before the stream of the server's own messages is opened again. */
const reopenAfter = 1000;
/** Codes of a server that is not there: nothing was sent to it. */
const notThere = new Set<string | undefined>(["ECONNREFUSED", "ConnectionRefused", "ENOENT"]);

/** The server cannot tell either what became of such a request. */
const cutOff = "the connection ended before the answer; the call may have been carried out";

export interface McpBridgeOptions {
  client: Pick<ApiClient, "probe">;
  /** The path of the project's endpoint. */
  path: string;
  /** Writes one message to the MCP client. */
  write(line: string): void;
  signal: AbortSignal;
}

/** A message as far as the bridge looks at it. */
interface Envelope {
  id?: RpcId | null;
  method?: string;
  params?: unknown;
}

/** A request whose answer has not come. */
interface OpenRequest {
  message: Envelope;
  isCancelled: boolean;
  /** Ends its HTTP request, by which a modern server knows that nobody waits any more. */
  leaving: AbortController;
}

/**
 * Passes messages of an MCP client on to a project's endpoint, and its answers back, as they are. It knows three things of
 * the protocol: the headers that HTTP wants, the session of legacy revisions, which it begins again when the server has
 * forgotten it, and that over HTTP a modern client cancels a request by leaving.
 */
export class McpBridge {
  readonly #options: McpBridgeOptions;
  readonly #ended = new AbortController();
  /** The messages with which the session began, to begin it again. */
  #greeting: string | undefined;
  #session: { id: string | undefined; revision: string } | undefined;
  #renewing: Promise<void> | undefined;
  #listening: Promise<void> | undefined;
  readonly #open = new Map<RpcId, OpenRequest>();

  constructor(options: McpBridgeOptions) {
    this.#options = options;
  }

  /** Passes messages on until the input ends and all requests are answered. */
  async run(input: AsyncIterable<Uint8Array>): Promise<void> {
    const underWay = new Set<Promise<void>>();
    const { signal } = this.#options;
    for await (const line of linesOf(input)) {
      if (signal.aborted) break;
      if (line.trim() === "") continue;
      const message = parsed(line);
      if (!message) {
        this.#fail(null, -32700, "the message is not an object of JSON");
        continue;
      }
      const passed = this.#pass(line, message);
      underWay.add(passed);
      void passed.finally(() => underWay.delete(passed));
      // Later messages need the session that the first one begins.
      if (message.method === "initialize") await passed;
    }
    // Nothing else would end them.
    for (const { message, leaving } of this.#open.values())
      if (message.method === "subscriptions/listen") leaving.abort();
    await Promise.all(underWay);
    await this.#endSession();
  }

  /** Passes one message on and writes what comes back. Never throws: a request gets an error as its answer. */
  async #pass(line: string, message: Envelope): Promise<void> {
    const { id, method } = message;
    if (method === "notifications/cancelled" && this.#cancel(message)) return;
    const isRequest = id !== undefined && id !== null && method !== undefined;
    const request: OpenRequest = { message, isCancelled: false, leaving: new AbortController() };
    if (isRequest) this.#open.set(id, request);
    try {
      const signal = AbortSignal.any([this.#signal, request.leaving.signal]);
      const response = await this.#send(line, message, signal);
      if (method === "initialize") this.#greeting = line;
      const last = await this.#relay(response, message);
      if (method === "notifications/initialized") this.#listening ??= this.#listen();
      if (isRequest && !request.isCancelled && !isAnswer(last, id))
        this.#fail(id, -32000, `mcpctl: ${cutOff}`);
    } catch (error) {
      const reason = error instanceof AppError ? error.message : cutOff;
      if (isRequest && !request.leaving.signal.aborted) this.#fail(id, -32000, `mcpctl: ${reason}`);
    } finally {
      if (isRequest && this.#open.get(id) === request) this.#open.delete(id);
    }
  }

  /** Cancels a request. Returns true if nothing has to be sent for that. */
  #cancel({ params }: Envelope): boolean {
    const request = isObject(params) ? this.#open.get(params["requestId"] as RpcId) : undefined;
    if (!request) return false;
    request.isCancelled = true;
    if (!claimsRevision(request.message)) return false;
    request.leaving.abort();
    return true;
  }

  /** Sends a message, in a new session if the server does not know the old one. Throws AppError. */
  async #send(line: string, message: Envelope, signal: AbortSignal): Promise<Response> {
    const session = this.#session;
    const response = await this.#post(line, message, signal);
    if (response.status !== 404 || !session?.id || message.method === "initialize") return checked(response);
    await response.body?.cancel();
    await this.#renew(session);
    return checked(await this.#post(line, message, signal));
  }

  async #post(line: string, message: Envelope, signal = this.#signal): Promise<Response> {
    const { client, path } = this.#options;
    const body = new TextEncoder().encode(line);
    const begin = performance.now();
    for (;;) {
      try {
        const headers = { ...this.#headers(message), "content-type": "application/json" };
        return await client.probe("POST", path, { headers, body, signal });
      } catch (error) {
        if (!notThere.has(systemCodeOf(error)) || performance.now() - begin > reachTime) throw error;
        await Bun.sleep(500);
      }
    }
  }

  #headers(message: Envelope): Record<string, string> {
    const accept = "application/json, text/event-stream";
    if (claimsRevision(message)) return { accept, ...headersOf(message as never) };
    const { id, revision } = message.method === "initialize" ? {} : (this.#session ?? {});
    return {
      accept,
      ...(id !== undefined && { "mcp-session-id": id }),
      ...(revision !== undefined && { "mcp-protocol-version": revision }),
    };
  }

  /** Writes the messages of a response as they come. Returns the last one. */
  async #relay(response: Response, message: Envelope): Promise<string | undefined> {
    let last: string | undefined;
    const write = (text: string) => {
      last = text;
      this.#options.write(text);
    };
    if (message.method === "initialize") await this.#begin(response, write);
    else await readMessages(response, write);
    return last;
  }

  /** Takes the session and the revision from the answer to the greeting. */
  async #begin(response: Response, write: (text: string) => void): Promise<void> {
    const id = response.headers.get("mcp-session-id") ?? undefined;
    await readMessages(response, (text) => {
      const answer = parsed(text) as { result?: { protocolVersion?: unknown } } | undefined;
      const revision = answer?.result?.protocolVersion;
      if (typeof revision === "string") this.#session = { id, revision };
      write(text);
    });
  }

  /** Begins a new session in place of one that the server has forgotten. The client does not notice. */
  async #renew(lost: object): Promise<void> {
    if (this.#session !== lost) return this.#renewing;
    const greeting = this.#greeting!;
    this.#renewing ??= (async () => {
      await this.#begin(await checked(await this.#post(greeting, { method: "initialize" })), () => undefined);
      const ready = { jsonrpc: "2.0", method: "notifications/initialized" };
      await (await this.#post(JSON.stringify(ready), ready)).body?.cancel();
    })().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Passes on what the server sends by itself, for as long as the client is there. */
  async #listen(): Promise<void> {
    const { client, path } = this.#options;
    while (!this.#signal.aborted) {
      const session = this.#session;
      try {
        const headers = { ...this.#headers({}), accept: "text/event-stream" };
        const response = await client.probe("GET", path, { headers, signal: this.#signal });
        if (response.status === 405) return;
        if (response.status === 404 && session) await this.#renew(session);
        else if (response.ok) await readMessages(response, (text) => this.#options.write(text));
        else await response.body?.cancel();
      } catch {
        // Tried again below.
      }
      await Bun.sleep(reopenAfter);
    }
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    const headers = this.#headers({});
    this.#ended.abort();
    if (session?.id === undefined) return;
    const { client, path } = this.#options;
    await client.probe("DELETE", path, { headers, signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#options.signal, this.#ended.signal]);
  }

  #fail(id: RpcId | null, code: number, message: string): void {
    this.#options.write(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
  }
}

/** Returns a response that carries messages. Throws the error of any other one. */
async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const type = response.headers.get("content-type") ?? "";
  const text = /^application\/json\b/.test(type) ? await response.clone().text() : "";
  // An error of the protocol is an answer like any other.
  const isAnswer = isObject(parsed(text)) && "jsonrpc" in (parsed(text) as object);
  if (isAnswer) return response;
  throw await answerError(response);
}

/** Hands on each message of a response: one of JSON, or those of a stream. */
async function readMessages(response: Response, take: (text: string) => void): Promise<void> {
  if (!/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")) {
    const text = await response.text();
    if (text.trim() !== "") take(oneLine(text));
    return;
  }
  const parser = new SseParser({ maxEventBytes: maxMessageBytes });
  for await (const bytes of response.body ?? [])
    for (const { data } of parser.push(bytes)) if (data !== "") take(oneLine(data));
}

/** Messages end with a line end, so they have none inside. Within JSON only white space can be one. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ").trim();
}

/** True if a text is the answer to a request, or an error that belongs to none. */
function isAnswer(text: string | undefined, id: RpcId): boolean {
  const message = text === undefined ? undefined : parsed(text);
  return message !== undefined && message.method === undefined && (message.id ?? id) === id;
}

function claimsRevision({ params }: Envelope): boolean {
  const meta = isObject(params) ? params["_meta"] : undefined;
  return isObject(meta) && typeof meta[metaKeys.protocolVersion] === "string";
}

function parsed(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}

/** Yields the lines of an input. Throws AppError `usage` for one that is longer than a message may be. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const lines = new ByteLines(maxMessageBytes);
  try {
    for await (const bytes of input) yield* lines.push(bytes);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
    throw new AppError("usage", "a message on standard input is over 10 MB");
  }
  const rest = lines.rest();
  if (rest.trim() !== "") yield rest;
}
