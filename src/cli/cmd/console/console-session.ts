import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject, type RpcNotification } from "../../../mcp/messages.ts";
import { paramHeaders, paramHeadersIn } from "../../../mcp/param-headers.ts";
import { type Era, otherMetaKeys } from "../../../mcp/revisions.ts";
import { McpFailure, RpcError } from "../../../mcp/rpc-error.ts";
import { HttpWire } from "../../../mcp/upstream/http-wire.ts";
import { type ReadListing, readListing } from "../../../mcp/upstream/listing.ts";
import { greet, type McpServerFacts, type Upstream } from "../../../mcp/upstream/upstream.ts";
import { version } from "../../../version.ts";
import type { ApiClient } from "../../client/client.ts";
import { outboundOf, targetOf } from "../mcp/outbound.ts";
import { recorded } from "./recorded.ts";
import { OwnMessages } from "./traffic-item.ts";

/** Milliseconds to the greeting and to each page of a list, and to the answer of a call. */
const listTimeout = 30_000;
const callTimeout = 120_000;

/** Milliseconds in which changes of lists are gathered. */
const gatherTime = 100;

/** Milliseconds between two looks whether the server is still there, and after which it is greeted again. */
const lookTime = 5000;
const retryTime = 1000;

export interface SessionOptions {
  client: ApiClient;
  /** The path of the project's endpoint. */
  path: string;
  /** The revision to speak; the newest one if not given. */
  revision?: string | undefined;
  signal: AbortSignal;
  now(): number;
  /** Is called when anything here has changed. */
  onChange(): void;
  /** Takes the log messages and other notifications of servers. */
  onNotification(notification: RpcNotification): void;
}

export interface ConsoleCallOptions {
  signal: AbortSignal;
  /** The tool that is called, for its headers. */
  tool?: JsonObject;
  onProgress?(params: JsonObject): void;
}

/** A connection to a project, as a model's client has one, with everything that came and went. */
export class ConsoleSession {
  readonly messages: OwnMessages;
  facts: McpServerFacts | undefined;
  listing: ReadListing = { tools: [], prompts: [], resources: [], resourceTemplates: [], leftOut: 0 };
  /** The reason why there is no connection; undefined if there is one. */
  lost: string | undefined = "connecting";
  readonly #options: SessionOptions;
  #upstream: Upstream | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #relisting: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.messages = new OwnMessages(options.now, () => options.onChange());
  }

  /** Greets the project and reads its lists. @throws AppError, McpFailure, RpcError */
  async connect(): Promise<void> {
    const { client, path, revision, signal } = this.#options;
    const record = (from: "client" | "server", body: string) => this.messages.record(from, body);
    const wire = new HttpWire(
      {
        url: targetOf(client, path),
        headers: {},
        outbound: outboundOf(recorded(client, record), path),
      },
      { onNotification: (one) => this.#notified(one), onClose: () => undefined },
    );
    const upstream = await greet(wire, {
      client: { name: "mcpctl-console", version: version.version },
      revision,
      timeout: listTimeout,
      signal,
    });
    const before = this.#upstream;
    this.#upstream = upstream;
    this.facts = upstream.facts;
    void before?.close().catch(() => undefined);
    upstream.listen();
    if (upstream.era === "legacy" && upstream.has("logging"))
      await upstream.request("logging/setLevel", { level: "debug" }, { timeout: listTimeout, signal });
    await this.relist();
    this.lost = undefined;
    this.#options.onChange();
    this.#later(lookTime, () => this.#look());
  }

  /** Reads the lists again. */
  async relist(): Promise<void> {
    if (!this.#upstream) return;
    this.listing = await readListing(this.#upstream, listTimeout, this.#options.signal);
    this.#options.onChange();
  }

  /**
   * Calls a method, as a model's client does. A session that the server has forgotten is begun again, once.
   *
   * @throws RpcError, McpFailure, AppError
   */
  async request(method: string, params: JsonObject, options: ConsoleCallOptions): Promise<JsonObject> {
    try {
      return await this.#request(method, params, options);
    } catch (error) {
      if (!(error instanceof McpFailure) || error.kind !== "session") throw error;
      await this.connect();
      return this.#request(method, params, options);
    }
  }

  async #request(method: string, params: JsonObject, options: ConsoleCallOptions): Promise<JsonObject> {
    const { signal, tool, onProgress } = options;
    if (!this.#upstream) throw new AppError("connection_failed", this.lost ?? "there is no connection");
    try {
      return await this.#upstream.request(method, withLogs(params, this.#upstream.era), {
        timeout: callTimeout,
        signal,
        capabilities: { elicitation: { form: {} } },
        ...(onProgress && { onProgress }),
        onNotification: (one) => this.#notified(one),
        ...(tool && headersFor(tool, params)),
      });
    } catch (error) {
      if (isLoss(error)) this.#lose(error);
      throw error;
    }
  }

  /** Gives up: the caller may not use the project. */
  refuse(reason: string): void {
    this.lost = reason;
    this.#isClosed = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#relisting);
    await this.#upstream?.close().catch(() => undefined);
  }

  #notified(notification: RpcNotification): void {
    this.#options.onNotification(notification);
    if (!/^notifications\/(tools|prompts|resources)\/list_changed$/.test(notification.method)) return;
    this.#relisting ??= setTimeout(() => {
      this.#relisting = undefined;
      void this.relist().catch((error) => this.#lose(error));
    }, gatherTime);
  }

  /** Looks whether the server is still there. */
  async #look(): Promise<void> {
    const signal = AbortSignal.timeout(lookTime);
    try {
      await (await this.#options.client.probe("GET", "/healthz", { bearer: false, signal })).body?.cancel();
      this.#later(lookTime, () => this.#look());
    } catch (error) {
      this.#lose(error);
    }
  }

  /** Connects again, until it works. */
  #lose(error: unknown): void {
    if (this.#isClosed || this.#options.signal.aborted) return;
    this.lost = (error as Error).message;
    this.#options.onChange();
    this.#later(retryTime, () => this.connect().catch((again) => this.#lose(again)));
  }

  #later(milliseconds: number, what: () => unknown): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(what, milliseconds);
  }
}

/** Returns the params of a request whose log messages are wanted; a legacy session has said so at its begin. */
function withLogs(params: JsonObject, era: Era): JsonObject {
  if (era === "legacy") return params;
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  return { ...params, _meta: { [otherMetaKeys.logLevel]: "debug", ...meta } };
}

/** True if an error means that the connection, the session or the right is gone. */
function isLoss(error: unknown): boolean {
  if (error instanceof RpcError) return false;
  if (error instanceof McpFailure)
    return ["closed", "session"].includes(error.kind) || error.status === 401 || (error.status ?? 0) >= 500;
  return error instanceof AppError && error.code === "connection_failed";
}

/** Returns the headers that repeat arguments of a tool. */
function headersFor(tool: JsonObject, params: JsonObject): { headers?: Record<string, string> } {
  const schema = tool["inputSchema"];
  const declared = isObject(schema) ? paramHeadersIn(schema) : [];
  return "fault" in declared || declared.length === 0
    ? {}
    : { headers: paramHeaders(declared, params["arguments"]) };
}
