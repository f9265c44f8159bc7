import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { ServerCalls } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import { attachEventStream } from "./event-stream.ts";
import type { LinkEvents, ServerLink } from "./server-link.ts";
import { attachWebSocket, type SocketConstructor } from "./websocket.ts";

/** How long it is remembered that a WebSocket does not get through, in milliseconds. */
const rememberMs = 10 * 60_000;

export interface AttacherOptions {
  calls: ServerCalls;
  session: AgentSession;
  events: LinkEvents;
  WebSocket: SocketConstructor;
  log: Log;
}

/** Attaches by a WebSocket where one gets through, else by server-sent events and POSTs. */
export class Attacher {
  /** What the server has said that it takes. */
  offered: readonly unknown[] = ["sse"];
  readonly #options: AttacherOptions;
  /** Until then no WebSocket is tried. */
  #blockedUntil = 0;

  constructor(options: AttacherOptions) {
    this.#options = options;
  }

  /**
   * @param register claims the session anew. A WebSocket that was refused, or has come through unseen, may have
   *   raised the epoch; and only an answer over HTTP says why
   * @throws AppError
   */
  async attach(register: () => Promise<unknown>): Promise<ServerLink> {
    const { calls, session, events, WebSocket, log } = this.#options;
    const { time, url, bearer } = calls;
    const eventStream = () => attachEventStream({ calls, session, events, log });
    if (!this.offered.includes("websocket") || time.elapsed() < this.#blockedUntil) return eventStream();
    try {
      return await attachWebSocket({ url, token: bearer.current, session, time, WebSocket, events });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    await register();
    const link = await eventStream();
    this.#blockedUntil = time.elapsed() + rememberMs;
    return link;
  }
}
