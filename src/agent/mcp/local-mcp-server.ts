import { createHash } from "node:crypto";
import { AppError } from "../../errors.ts";
import type { JsonObject, RpcNotification } from "../../mcp/messages.ts";
import { legacyRevisions } from "../../mcp/revisions.ts";
import { McpFailure, RpcError } from "../../mcp/rpc-error.ts";
import { readListing } from "../../mcp/upstream/listing.ts";
import { Relisting } from "../../mcp/upstream/relisting.ts";
import { backoffDelay, type Time } from "../../time.ts";
import { hopsHeader } from "../../wire/hops.ts";
import { listenMethod, type McpCallRequest } from "../../wire/link/mcp-calls.ts";
import {
  listingLimits,
  type PublishedListing,
  type PublishedMcpServer,
} from "../../wire/link/registration.ts";
import {
  type LocalMcpServer,
  type McpCallEvents,
  type McpServerConfig,
  McpStartError,
} from "../core/mcp-server.ts";
import { type ConnectServices, connectMcpServer, type LocalMcpConnection } from "./connect.ts";
import { ResourceFollowers } from "./resource-followers.ts";

export interface LocalMcpServerOptions extends ConnectServices {
  time: Time;
  /** Called when its entry in a registration has changed. */
  onChange(): void;
}

/** Waits between two starts after failures, in milliseconds. */
const startSpan = { first: 1000, longest: 300_000 };
/** A program that has run for so many milliseconds starts again as one that never failed. */
const stableMs = 60_000;
/** Milliseconds that a list may take. */
const listMs = 30_000;

const listChanges = new Set(
  ["tools", "prompts", "resources"].map((list) => `notifications/${list}/list_changed`),
);

/** One MCP server of the config: started when it is needed, stopped when it is idle, and started again after failures. */
export class ManagedMcpServer implements LocalMcpServer {
  readonly config: McpServerConfig;
  readonly #options: LocalMcpServerOptions;
  readonly #closing = new AbortController();
  #connection: LocalMcpConnection | undefined;
  #starting: Promise<LocalMcpConnection> | undefined;
  /** The end of the last process: no two run at a time. */
  #ended: Promise<unknown> = Promise.resolve();
  #startedAt = 0;
  #listing: PublishedListing | undefined;
  #failures = 0;
  #failure: string | undefined;
  #retry: { at: number; cancel(): void } | undefined;
  #stopIdle: (() => void) | undefined;
  #inFlight = 0;
  readonly #relisting: Relisting<LocalMcpConnection>;
  readonly #followers = new ResourceFollowers();
  #isTakenForOld = false;

  constructor(config: McpServerConfig, options: LocalMcpServerOptions) {
    this.config = config;
    this.#options = options;
    this.#relisting = new Relisting(options.time, (connection) =>
      this.#list(connection).catch((error: Error) =>
        options.log.warn(`${config.name} does not list its tools: ${error.message}`),
      ),
    );
  }

  /** Starts it for the first time, to learn what it has. Tries again until it succeeds. */
  begin(): void {
    this.#start().catch(() => undefined);
  }

  async call(request: McpCallRequest, events: McpCallEvents): Promise<JsonObject> {
    this.#inFlight++;
    this.#stopIdle?.();
    try {
      const wasKnown = this.#definitionOf(request);
      const connection = await this.#ready(events.signal);
      if (request.method === listenMethod)
        return await this.#followers.follow(connection.upstream, request.params, events, request.timeoutMs);
      // Its server has not seen the new definition: it decides when it has.
      if (!Bun.deepEquals(wasKnown, this.#definitionOf(request)))
        throw new McpStartError("its tools have changed", 1);
      return await this.#send(connection, request, events);
    } finally {
      this.#inFlight--;
      this.#planIdle();
    }
  }

  published(): PublishedMcpServer {
    const { name, publishName, description, visibility } = this.config;
    const isFailed = this.#failure !== undefined;
    return {
      name: publishName ?? name,
      ...(description !== undefined && { description }),
      ...(visibility !== undefined && { visibility }),
      status: isFailed ? "failed" : this.#listing ? "ready" : "starting",
      source: sourceHash(this.config),
      ...(this.#listing && { listing: this.#listing }),
    };
  }

  describe(): ReturnType<LocalMcpServer["describe"]> {
    const state = this.#connection
      ? "running"
      : this.#starting
        ? "starting"
        : this.#failure === undefined
          ? "stopped"
          : "failed";
    const tools = this.#listing && `${this.#listing.tools.length} tools`;
    return {
      state,
      detail: this.#failure ?? tools ?? null,
      pid: this.#connection?.pid ?? null,
      inFlight: this.#inFlight,
    };
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      const { hint } = error as { hint?: string };
      throw new AppError("unavailable", `${this.config.name} does not start: ${(error as Error).message}`, {
        retryAfter: 5,
        ...(hint !== undefined && { hint }),
      });
    }
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    this.#stopIdle?.();
    await this.#end();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#retry?.cancel();
    this.#stopIdle?.();
    await this.#starting?.catch(() => undefined);
    await this.#end();
  }

  /** Returns the connection, and starts it if there is none. */
  async #ready(signal: AbortSignal): Promise<LocalMcpConnection> {
    if (this.#connection) return this.#connection;
    const wait = this.#retry ? this.#retry.at - this.#options.time.elapsed() : 0;
    if (!this.#starting && wait > 0)
      throw new McpStartError(this.#failure ?? "it has ended", Math.ceil(wait / 1000));
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(new McpFailure("cancelled", "the caller has gone"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#start(), gone]);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new McpStartError((error as Error).message, 5);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #start(): Promise<LocalMcpConnection> {
    if (this.#connection) return Promise.resolve(this.#connection);
    this.#starting ??= this.#open().finally(() => {
      this.#starting = undefined;
      this.#planIdle();
    });
    return this.#starting;
  }

  async #open(): Promise<LocalMcpConnection> {
    const { time, log } = this.#options;
    this.#retry?.cancel();
    this.#retry = undefined;
    let opened: LocalMcpConnection | undefined;
    let closed: Error | undefined;
    try {
      await this.#ended;
      if (this.#closing.signal.aborted) throw new Error("the agent stops");
      const onClose = (reason: Error) => {
        closed = reason;
        if (opened && this.#connection === opened) this.#lost(reason);
      };
      const onNotification = (notification: RpcNotification) => {
        if (opened && listChanges.has(notification.method)) this.#relisting.request(opened);
        this.#followers.tell(notification);
      };
      const { signal } = this.#closing;
      const revision = this.#isTakenForOld ? legacyRevisions[0] : undefined;
      const events = { onNotification, onClose };
      opened = await connectMcpServer(this.config, this.#options, events, { revision, signal });
      opened.upstream.listen();
      await this.#list(opened);
      if (closed) throw closed;
      this.#connection = opened;
      this.#startedAt = time.elapsed();
      this.#settle(undefined);
      return opened;
    } catch (error) {
      await opened?.close().catch(() => undefined);
      // Some old programs end when they are asked what they do not know. The next start begins with what all know.
      const isEnded =
        !("url" in this.config.source) && error instanceof McpFailure && error.kind === "closed";
      if (isEnded && !this.#listing) this.#isTakenForOld = !this.#isTakenForOld;
      if (!this.#closing.signal.aborted) {
        const { message, hint } = error as Error & { hint?: string };
        log.warn(`${this.config.name} does not start: ${message}${hint === undefined ? "" : ` (${hint})`}`);
        this.#failed(message);
      }
      throw error;
    }
  }

  /** Sends a call, and once more where its end does no harm. */
  async #send(
    connection: LocalMcpConnection,
    request: McpCallRequest,
    { signal, onNotification, ask }: McpCallEvents,
    isAgain = false,
  ): Promise<JsonObject> {
    const { method, params, capabilities, timeoutMs, mayRepeat, wantsProgress, hops } = request;
    try {
      return await connection.upstream.request(method, params, {
        signal,
        timeout: timeoutMs,
        capabilities,
        // A server with a url may be a project of the server that asks, which would call itself without end (T372).
        ...(hops !== undefined && { headers: { [hopsHeader]: String(hops) } }),
        onNotification,
        onRequest: ask,
        ...(wantsProgress && {
          onProgress: (progress: JsonObject) =>
            onNotification({ jsonrpc: "2.0", method: "notifications/progress", params: progress }),
        }),
      });
    } catch (error) {
      const isLost = error instanceof McpFailure && (error.kind === "closed" || error.kind === "session");
      if (isLost && this.#connection === connection) this.#lost(error);
      // A new session shows that the words of a lost one were an answer.
      if (isAgain && isLost && error.cause instanceof RpcError) throw error.cause;
      if (!isLost || isAgain || !(mayRepeat || error.isUnsent || error.kind === "session")) throw error;
      this.#retry?.cancel();
      this.#retry = undefined;
      return this.#send(await this.#ready(signal), request, { signal, onNotification, ask }, true);
    }
  }

  /** Takes the end of a process or connection that was in use. The next call starts it again. */
  #lost(reason: Error): void {
    const { time, log } = this.#options;
    log.warn(`${this.config.name} has ended: ${reason.message}`);
    if (time.elapsed() - this.#startedAt >= stableMs) this.#failures = 0;
    void this.#end((connection) => connection.retire?.());
    const delay = backoffDelay(this.#failures++, startSpan, () => time.random());
    this.#retry = { at: time.elapsed() + delay, cancel() {} };
  }

  /** Notes a failed start, and tries again later: without a start nobody learns that it works again. */
  #failed(message: string): void {
    const { time } = this.#options;
    const delay = backoffDelay(this.#failures++, startSpan, () => time.random());
    this.#retry = { at: time.elapsed() + delay, cancel: time.after(delay, () => this.begin()) };
    this.#settle(message);
  }

  #settle(failure: string | undefined): void {
    const isChange = (this.#failure === undefined) !== (failure === undefined);
    this.#failure = failure;
    if (isChange) this.#options.onChange();
  }

  /** Reads all lists. Throws if they are too large to be published. */
  async #list({ upstream }: LocalMcpConnection): Promise<void> {
    const lists = await readListing(upstream, listMs, this.#closing.signal);
    const { instructions, revision: protocol } = upstream.facts;
    const listing: PublishedListing = {
      ...lists,
      ...(instructions !== undefined && { instructions }),
      protocol,
    };
    if (JSON.stringify(listing).length > listingLimits.one) throw new Error("its lists have more than 1 MB");
    if (Bun.deepEquals(listing, this.#listing)) return;
    this.#listing = listing;
    this.#options.onChange();
  }

  /** Returns the definition of the tool that a call is for; undefined for other calls and before it is known. */
  #definitionOf({ method, params }: McpCallRequest): JsonObject | undefined {
    if (method !== "tools/call") return undefined;
    return this.#listing?.tools.find(({ name }) => name === params["name"]);
  }

  #planIdle(): void {
    const { time, log } = this.#options;
    this.#stopIdle?.();
    if (!this.#connection || this.#inFlight > 0 || this.config.idleMinutes === 0) return;
    this.#stopIdle = time.after(this.config.idleMinutes * 60_000, () => {
      log.info(`${this.config.name} is stopped: it had no call for ${this.config.idleMinutes} minutes`);
      void this.#end();
    });
  }

  /** @param leave may close the connection later; undefined if it cannot */
  #end(leave?: (connection: LocalMcpConnection) => Promise<void> | undefined): Promise<unknown> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#followers.end();
    if (!connection) return this.#ended;
    const left = leave?.(connection)?.catch(() => undefined);
    if (!left) this.#ended = connection.close().catch(() => undefined);
    return this.#ended;
  }
}

/** Returns a text that changes with the program and its arguments. Values that may be keys are not in it. */
function sourceHash({ source, env }: McpServerConfig): string {
  const headers = "headers" in source ? Object.keys(source.headers) : [];
  const parts = [{ ...source, headers }, Object.keys(env)];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
