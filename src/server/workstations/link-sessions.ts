import { mayList, type Principal } from "../core/access/policy.ts";
import { isStillValid, principalAt } from "../core/access/principals.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { type CloseReason, type LinkConnection, LinkSession } from "./link-session.ts";
import type { NegotiatedSession, ProviderSessions } from "./provider-sessions.ts";
import type { LinkReceiver } from "./socket.ts";

/** Milliseconds between two checks of the bearers: no change of the catalogue tells that a bearer has expired. */
const checkMs = 2000;

/** An agent that has just taken a session. */
export interface AttachedAgent {
  session: NegotiatedSession;
  principal: Principal;
  /** The last epoch that the agent knows, if it says that it had the session before. */
  lastEpoch: number | undefined;
}

export interface LinkSessionsOptions {
  catalogue: Catalogue;
  sessions: ProviderSessions;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  /** A text frame has come over a WebSocket. */
  text(link: LinkSession, message: string): void;
  /** A binary frame has come over a WebSocket. */
  bytes(link: LinkSession, frame: Buffer): void;
  /** Calls `then` when the frames that have come are read. */
  whenRead(link: LinkSession, then: () => void): void;
  /** A link has opened. With `isSame` the tasks of the session's agent continue. */
  opened(link: LinkSession, isSame: boolean): void;
  /** A link has closed. With `mayContinue` its agent may still post results of its tasks, and come back. */
  closed(link: LinkSession, mayContinue: boolean): void;
  /** Another process has taken a session with this epoch: tasks under older epochs are lost. */
  superseded(sessionId: string, epoch: number): void;
}

/** The links of agents, one for each session. A link lives as long as its principal may expose llms. */
export class LinkSessions {
  readonly #options: LinkSessionsOptions;
  readonly #links = new Map<string, LinkSession>();
  readonly #stopChecking: () => void;

  constructor(options: LinkSessionsOptions) {
    this.#options = options;
    const { catalogue, sessions } = options;
    const stop = [
      sessions.onSuperseded((id, epoch) => {
        this.#endOlder(id, epoch - 1, "fenced");
        options.superseded(id, epoch);
      }),
      sessions.onLapsed((id, epoch) => this.#endOlder(id, epoch, "lapsed")),
      catalogue.subscribe(() => this.#check()),
    ];
    const timer = setInterval(() => this.#check(), checkMs);
    timer.unref();
    this.#stopChecking = () => {
      for (const unsubscribe of stop) unsubscribe();
      clearInterval(timer);
    };
  }

  get all(): Iterable<LinkSession> {
    return this.#links.values();
  }

  of(sessionId: string): LinkSession | undefined {
    return this.#links.get(sessionId);
  }

  /**
   * Opens the link of an agent that has just taken a session.
   *
   * @returns the receiver of the frames that the agent sends
   */
  open({ session, principal, lastEpoch }: AttachedAgent, connection: LinkConnection): LinkReceiver {
    const { sessions, opened, text, bytes, whenRead } = this.#options;
    const link = new LinkSession(session, principal, connection, this.#options.elapsed);
    const before = this.#links.get(link.sessionId);
    // Another agent has taken the session since the epoch of this one was raised.
    if (before && before.epoch > link.epoch) {
      link.close("fenced");
    } else if (link.isOpen) {
      const isSame = link.revision.mayContinue(lastEpoch);
      if (before) this.end(before, lastEpoch === undefined ? "fenced" : "replaced", isSame);
      this.#links.set(link.sessionId, link);
      void sessions.attached(link.sessionId, link.epoch);
      if (link.isOpen) opened(link, isSame);
    }
    return {
      text: (message) => text(link, message),
      bytes: (frame) => bytes(link, frame),
      closed: () =>
        whenRead(link, () => {
          link.isOpen = false;
          this.#forget(link, true);
        }),
    };
  }

  /** Closes a link. */
  end(link: LinkSession, reason: CloseReason, mayContinue = false): void {
    if (!link.isOpen) return;
    link.close(reason);
    this.#forget(link, mayContinue);
  }

  /** Makes a link depend on a newer bearer of the same user. */
  adopt(link: LinkSession, principal: Principal): void {
    if (principal.userId === link.principal.userId && mayList(principal, "expose", "llms"))
      link.principal = principal;
  }

  close(): void {
    this.#stopChecking();
    for (const link of this.#links.values()) {
      link.close("stopping");
      // The status of its llms is left as it is: the agent comes back after a restart.
      this.#options.closed(link, false);
    }
    this.#links.clear();
  }

  #endOlder(sessionId: string, lastEpoch: number, reason: CloseReason): void {
    const link = this.#links.get(sessionId);
    if (link && link.epoch <= lastEpoch) this.end(link, reason);
  }

  #forget(link: LinkSession, mayContinue: boolean): void {
    const { sessions, closed } = this.#options;
    if (this.#links.get(link.sessionId) === link) this.#links.delete(link.sessionId);
    void sessions.detached(link.sessionId, link.epoch);
    closed(link, mayContinue);
  }

  #check(): void {
    const { catalogue, now } = this.#options;
    const { snapshot } = catalogue;
    for (const link of [...this.#links.values()]) {
      if (!isStillValid(snapshot, link.principal, now())) this.end(link, "expired");
      else if (!mayList(principalAt(snapshot, link.principal), "expose", "llms")) this.end(link, "unexposed");
    }
  }
}
