import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { epochHeader, linkPaths, sessionHeader } from "../../wire/link/constants.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import { SseParser } from "../../wire/sse.ts";
import { textOf } from "../session/response-text.ts";
import { cannotReach, readServerResponse, type ServerCalls } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import { PostLine } from "./post.ts";
import { readServerEvent } from "./server-event.ts";
import type { LinkEnd, LinkEvents, ServerLink } from "./server-link.ts";
import { Watchdog } from "./watchdog.ts";

/** The longest that the server may take to begin its stream, in milliseconds. */
const attachTimeout = 15_000;
/** The most bytes of one event: far more than the largest request inside a task. */
const eventBytes = 16 * 1024 * 1024;

export interface EventStreamOptions {
  calls: ServerCalls;
  session: AgentSession;
  events: LinkEvents;
  log: Log;
}

/**
 * Attaches the session's stream as server-sent events. What the agent sends goes in POSTs.
 *
 * @throws AppError with the server's reason; `connection_failed` when there is none
 */
export async function attachEventStream(options: EventStreamOptions): Promise<ServerLink> {
  const { calls, session } = options;
  const closing = new AbortController();
  const stop = calls.time.after(attachTimeout, () => closing.abort());
  let response: Response;
  try {
    response = await calls.fetch(new URL(linkPaths.stream, calls.url), {
      redirect: "manual",
      headers: {
        authorization: `Bearer ${calls.bearer.current}`,
        accept: "text/event-stream",
        [sessionHeader]: session.id ?? "",
        ...(session.epoch !== undefined && { [epochHeader]: String(session.epoch) }),
      },
      signal: closing.signal,
      // Bun would give up after five minutes of silence; the watchdog does so earlier.
      timeout: false,
      keepalive: false,
    });
    const isStream = /^text\/event-stream\b/.test(response.headers.get("content-type") ?? "");
    if (!response.ok || !isStream || !response.body) throw refusalOf(response, await textOf(response));
  } catch (cause) {
    throw cannotReach(cause, closing.signal.aborted);
  } finally {
    stop();
  }
  const epoch = Number(response.headers.get(epochHeader));
  if (epoch > 0) session.epoch = epoch;
  return new EventStreamLink(options, response.body, closing);
}

function refusalOf(response: Response, text: string): AppError {
  const { error } = readServerResponse(response, text);
  if (error?.status === 404 || error?.status === 410)
    return new AppError("unavailable", "the server no longer knows the session");
  return error ?? new AppError("connection_failed", "the server did not respond with a stream");
}

class EventStreamLink implements ServerLink {
  readonly transport = "sse";
  readonly #options: EventStreamOptions;
  readonly #closing: AbortController;
  readonly #watchdog: Watchdog;
  readonly #ended = Promise.withResolvers<LinkEnd>();
  #over = false;
  /** True after the server has announced that it stops. */
  #draining = false;
  /** The server's reason, once it has announced that the session is no longer this agent's. */
  #revoked: string | undefined;

  constructor(options: EventStreamOptions, body: ReadableStream<Uint8Array>, closing: AbortController) {
    this.#options = options;
    this.#closing = closing;
    this.#watchdog = new Watchdog(options.calls.time, () =>
      this.#end({ why: "lost", reason: "nothing arrived for 45 s" }),
    );
    void this.#read(body);
  }

  get ended(): Promise<LinkEnd> {
    return this.#ended.promise;
  }

  heartbeat(state: AgentState): void {
    // A heartbeat that fails shows nothing: the stream itself shows whether the server is there.
    this.#beat(state).catch(() => {});
  }

  /** Does nothing: each POST carries the current bearer, and the server ends a stream with an old one. */
  authenticate(): void {}

  close(): void {
    this.#end({ why: "closed", reason: "closed" });
  }

  async #beat(state?: AgentState): Promise<void> {
    const { session, calls } = this.#options;
    const { epoch, id } = session;
    // A stream belongs to a session, so there is no heartbeat without one.
    if (id === undefined) return;
    const body = { providerSessionId: id, ...(epoch !== undefined && { epoch }), ...(state && { state }) };
    const { error, body: sent } = await calls.heartbeat(body, this.#closing.signal);
    // The page of a proxy that interferes for a while says nothing about the session.
    if (!error || sent?.["code"] === undefined) return;
    if (error.code === "fenced") {
      if (!(await session.refused(epoch, this.#closing.signal)))
        this.#end({ why: "fenced", reason: "another agent has taken over" });
    } else if (error.status === 401 || error.status === 403)
      this.#end({ why: "revoked", reason: error.message });
    else if (error.status === 404 || error.status === 410) this.#end({ why: "lost", reason: error.message });
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = new SseParser({ maxEventBytes: eventBytes });
    try {
      for await (const bytes of body) {
        this.#watchdog.received();
        for (const { event, data } of parser.push(bytes)) this.#onEvent(event, data);
      }
    } catch {
      // The stream was broken off or closed here: both end the link.
    }
    if (this.#revoked !== undefined) await this.#askWhy(this.#revoked);
    else if (this.#draining) this.#end({ why: "stopping", reason: "the server is stopping" });
    else this.#end({ why: "lost", reason: "the stream ended" });
  }

  /** The event only has a text. The response to a heartbeat shows whether another agent has the session. */
  async #askWhy(reason: string): Promise<void> {
    await this.#beat().catch(() => {});
    this.#end({ why: "revoked", reason });
  }

  #onEvent(name: string, data: string): void {
    if (this.#over) return;
    const event = readServerEvent(name, data);
    const { session, events, calls, log } = this.#options;
    switch (event?.event) {
      case "attached":
        session.epoch = event.epoch;
        return;
      case "task":
        return events.task(event, new PostLine({ task: event, calls, session, log }));
      case "cancel":
        return events.cancel(event.taskId);
      case "credit":
        return events.credit(event.taskId, event.bytes);
      case "answer":
        return events.answer(event.taskId, event.answer);
      case "drain":
        this.#draining = true;
        return events.drain();
      case "revoked":
        this.#revoked = event.reason;
        return;
      default:
    }
  }

  #end(end: LinkEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#watchdog.stop();
    this.#closing.abort();
    this.#ended.resolve(end);
  }
}
