import { closeCodes } from "../../wire/link/constants.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import type { LinkTransport } from "../../wire/link/registration.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import type { Principal } from "../core/access/policy.ts";
import type { NegotiatedSession } from "./provider-sessions.ts";

/** The way down to an agent, whatever it is made of. */
export interface LinkConnection {
  readonly transport: LinkTransport;
  /**
   * Sends an event, unless the connection is closed. An agent that does not read is cut off.
   *
   * @param request JSON text, which goes along as the event's `request` without being written anew
   */
  send(event: ServerEvent, request?: string): void;
  /** @param code of a WebSocket; other transports just end */
  close(code: number, reason: string): void;
}

/** Takes the bytes of one response. */
export interface BytesReceiver {
  /** @returns false if the agent had no credit for the bytes */
  take(bytes: Buffer): boolean;
}

/** Why a link is ended by the server, as its agent is told. */
const closeReasons = {
  expired: { event: true, code: closeCodes.revoked, reason: "the bearer is no longer valid" },
  unexposed: { event: true, code: closeCodes.revoked, reason: "the right to expose llms was taken away" },
  fenced: { event: true, code: closeCodes.fenced, reason: "another agent has taken over the session" },
  /** The same agent goes on by another link: there is nothing to tell it. */
  replaced: { event: false, code: 1000, reason: "attached anew" },
  malformed: { event: false, code: closeCodes.malformed, reason: "that is not spoken here" },
  overrun: { event: false, code: closeCodes.malformed, reason: "more was sent than there was credit for" },
  /** Nothing came over it for the length of a lease. */
  lapsed: { event: false, code: 1001, reason: "nothing was heard of the agent" },
  stopping: { event: false, code: 1012, reason: "the server is shutting down" },
} as const;

export type CloseReason = keyof typeof closeReasons;

/** One attached stream of an agent. */
export class LinkSession {
  readonly sessionId: string;
  /** With which it was attached. */
  readonly epoch: number;
  readonly revision: LinkRevision;
  /** By whose bearer it stands; a newer one of the same user takes its place. */
  principal: Principal;
  isOpen = true;
  readonly #connection: LinkConnection;
  readonly #receivers = new Map<number, BytesReceiver>();
  #lastChannel = 0;

  constructor({ id, epoch, revision }: NegotiatedSession, principal: Principal, connection: LinkConnection) {
    this.sessionId = id;
    this.epoch = epoch;
    this.revision = revision;
    this.principal = principal;
    this.#connection = connection;
    connection.send({ event: "attached", epoch });
  }

  get transport(): LinkTransport {
    return this.#connection.transport;
  }

  /**
   * Opens a channel for the binary frames of one response.
   *
   * @returns the number of the channel; undefined if the connection has no binary frames
   */
  openChannel(receiver: BytesReceiver): number | undefined {
    if (this.transport === "sse") return undefined;
    this.#receivers.set(++this.#lastChannel, receiver);
    return this.#lastChannel;
  }

  receiverOf(channel: number): BytesReceiver | undefined {
    return this.#receivers.get(channel);
  }

  closeChannel(channel: number): void {
    this.#receivers.delete(channel);
  }

  /** @param request JSON text, which goes along as the event's `request` */
  send(event: ServerEvent, request?: string): void {
    if (this.isOpen) this.#connection.send(event, request);
  }

  /** Ends it, and tells the agent why where that is news. */
  close(why: CloseReason): void {
    if (!this.isOpen) return;
    const { event, code, reason } = closeReasons[why];
    if (event) this.#connection.send({ event: "revoked", reason });
    this.isOpen = false;
    this.#connection.close(code, reason);
  }
}

/** JSON of what an event holds, with a request spliced in as it stands. */
export function eventJson(data: object, request: string | undefined): string {
  const text = JSON.stringify(data);
  return request === undefined ? text : `${text.slice(0, -1)},"request":${request}}`;
}
