import { mayList, type Principal } from "../core/access/policy.ts";
import { principalAt, stillThere } from "../core/access/principals.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { type CloseReason, type LinkConnection, LinkSession } from "./link-session.ts";
import type { NegotiatedSession, ProviderSessions } from "./provider-sessions.ts";
import type { LinkReceiver } from "./socket.ts";

/** How often bearers are looked at, in milliseconds: a row that goes is heard of, one that expires is not. */
const lookMs = 2000;

/** A session that an agent has just taken. */
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
  /** Something has come up a WebSocket. */
  text(link: LinkSession, message: string): void;
  bytes(link: LinkSession, frame: Buffer): void;
  /** A link is there. With `isSame` what the session's agent was doing goes on. */
  opened(link: LinkSession, isSame: boolean): void;
  /** A link is no more. With `mayGoOn` its agent may still post what it was doing, and come back. */
  ended(link: LinkSession, mayGoOn: boolean): void;
  /** Another process has a session with this epoch: nobody goes on with what was begun under an older one. */
  superseded(sessionId: string, epoch: number): void;
}

/** The links of agents: one for each session, for as long as whoever attached it may expose llms. */
export class LinkSessions {
  readonly #options: LinkSessionsOptions;
  readonly #links = new Map<string, LinkSession>();
  readonly #stopLooking: () => void;

  constructor(options: LinkSessionsOptions) {
    this.#options = options;
    const { catalogue, sessions } = options;
    const stop = [
      sessions.onSuperseded((id, epoch) => {
        this.#endOlder(id, epoch - 1, "fenced");
        options.superseded(id, epoch);
      }),
      sessions.onLapsed((id, epoch) => this.#endOlder(id, epoch, "lapsed")),
      catalogue.subscribe(() => this.#look()),
    ];
    const timer = setInterval(() => this.#look(), lookMs);
    timer.unref();
    this.#stopLooking = () => {
      for (const one of stop) one();
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
   * Opens the link of a session that was just taken.
   *
   * @returns where that goes which comes up the same way
   */
  open({ session, principal, lastEpoch }: AttachedAgent, connection: LinkConnection): LinkReceiver {
    const { sessions, opened, text, bytes } = this.#options;
    const link = new LinkSession(session, principal, connection);
    const before = this.#links.get(link.sessionId);
    // While this one's epoch was being raised, another took the session.
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
      closed: () => {
        link.isOpen = false;
        this.#forget(link, true);
      },
    };
  }

  /** Ends a link from this side. */
  end(link: LinkSession, reason: CloseReason, mayGoOn = false): void {
    if (!link.isOpen) return;
    link.close(reason);
    this.#forget(link, mayGoOn);
  }

  /** The same user's agent has another bearer now, by which its link stands from here on. */
  adopt(link: LinkSession, principal: Principal): void {
    if (principal.userId === link.principal.userId && mayList(principal, "expose", "llms"))
      link.principal = principal;
  }

  close(): void {
    this.#stopLooking();
    for (const link of this.#links.values()) {
      link.close("stopping");
      // Its llms stay as they are: the agent finds the server again.
      this.#options.ended(link, false);
    }
    this.#links.clear();
  }

  #endOlder(sessionId: string, lastEpoch: number, reason: CloseReason): void {
    const link = this.#links.get(sessionId);
    if (link && link.epoch <= lastEpoch) this.end(link, reason);
  }

  #forget(link: LinkSession, mayGoOn: boolean): void {
    const { sessions, ended } = this.#options;
    if (this.#links.get(link.sessionId) === link) this.#links.delete(link.sessionId);
    void sessions.detached(link.sessionId, link.epoch);
    ended(link, mayGoOn);
  }

  #look(): void {
    const { catalogue, now } = this.#options;
    const { snapshot } = catalogue;
    for (const link of [...this.#links.values()]) {
      if (!stillThere(snapshot, link.principal, now())) this.end(link, "expired");
      else if (!mayList(principalAt(snapshot, link.principal), "expose", "llms")) this.end(link, "unexposed");
    }
  }
}
