import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { ServerCalls } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import { attachEventStream } from "./event-stream.ts";
import type { LinkEvents, ServerLink } from "./server-link.ts";
import { attachWebSocket, type SocketConstructor } from "./websocket.ts";

/** A WebSocket that no proxy hinders is attached within so many milliseconds, unless the server is slow. */
const attachMs = 3_000;
/** The longest that an attach to a slow server may take, in milliseconds. */
const longestAttachMs = 12_000;
/** After a failed WebSocket none is tried for so many milliseconds. */
const rememberMs = 10 * 60_000;

export interface AttacherOptions {
  calls: ServerCalls;
  session: AgentSession;
  events: LinkEvents;
  WebSocket: SocketConstructor;
  log: Log;
}

/** Attaches by a WebSocket, or by server-sent events and POSTs where no WebSocket passes. */
export class Attacher {
  /** The transports that the server has offered. */
  offered: readonly unknown[] = ["sse"];
  readonly #options: AttacherOptions;
  /** No WebSocket is tried before this time. */
  #blockedUntil = 0;

  constructor(options: AttacherOptions) {
    this.#options = options;
  }

  /**
   * @param register claims the session again. A failed WebSocket may have raised the epoch without the agent's knowing,
   *   and only a response over HTTP contains the reason of a refusal
   * @param registeredIn milliseconds that the server took for the registration. To attach by other means costs a slow
   *   server another one (failure mode 303)
   * @throws AppError
   */
  async attach(register: () => Promise<unknown>, registeredIn: number): Promise<ServerLink> {
    const { calls, session, events, WebSocket, log } = this.#options;
    const { time, url, bearer } = calls;
    const eventStream = () => attachEventStream({ calls, session, events, log });
    if (!this.offered.includes("websocket") || time.elapsed() < this.#blockedUntil) return eventStream();
    const timeout = Math.min(Math.max(attachMs, 2 * registeredIn), longestAttachMs);
    try {
      return await attachWebSocket({ url, token: bearer.current, session, time, WebSocket, events, timeout });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    const startedAt = time.elapsed();
    await register();
    const link = await eventStream();
    const attachedAt = time.elapsed();
    // Of a server that is as slow without a WebSocket nobody knows whether one passes.
    if (attachedAt - startedAt < attachMs) this.#blockedUntil = attachedAt + rememberMs;
    return link;
  }
}
