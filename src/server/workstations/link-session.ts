import { closeCodes } from "../../wire/link/constants.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import type { LinkTransport } from "../../wire/link/registration.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import type { Principal } from "../core/access/policy.ts";
import type { NegotiatedSession } from "./provider-sessions.ts";

/** A connection that sends events to one agent. */
export interface LinkConnection {
  readonly transport: LinkTransport;
  /**
   * Sends an event, unless the connection is closed. Cuts off an agent that does not read.
   *
   * @param request JSON text, which is sent as the event's `request` without being parsed
   */
  send(event: ServerEvent, request?: string): void;
  /** @param code the close code of a WebSocket; a stream of events has none */
  close(code: number, reason: string): void;
}

/** Takes the bytes of one response. */
export interface BytesReceiver {
  /** @returns false if the agent had no credit for the bytes */
  take(bytes: Buffer): boolean;
}

/**
 * For each reason to close a link: whether a `revoked` event is sent first, and the code and reason of the WebSocket.
 */
const closeReasons = {
  expired: { event: true, code: closeCodes.revoked, reason: "the bearer is no longer valid" },
  unexposed: { event: true, code: closeCodes.revoked, reason: "the right to expose llms was taken away" },
  fenced: { event: true, code: closeCodes.fenced, reason: "another agent has taken over the session" },
  /** The same agent has attached by another link. */
  replaced: { event: false, code: 1000, reason: "attached anew" },
  malformed: { event: false, code: closeCodes.malformed, reason: "malformed frame" },
  overrun: { event: false, code: closeCodes.malformed, reason: "more was sent than there was credit for" },
  /** The link was silent for the length of a lease. */
  lapsed: { event: false, code: 1001, reason: "nothing was heard of the agent" },
  stopping: { event: false, code: 1012, reason: "the server is shutting down" },
} as const;

/** A reason for which the server closes a link. */
export type CloseReason = keyof typeof closeReasons;

/** One connected agent. */
export class LinkSession {
  readonly sessionId: string;
  /** The epoch with which the agent attached. */
  readonly epoch: number;
  readonly revision: LinkRevision;
  /** The principal whose bearer the link depends on. A newer bearer of the same user replaces it. */
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

  /** Returns the receiver of a channel; undefined if the channel is closed. */
  receiverOf(channel: number): BytesReceiver | undefined {
    return this.#receivers.get(channel);
  }

  closeChannel(channel: number): void {
    this.#receivers.delete(channel);
  }

  /** @param request JSON text, which is sent as the event's `request` */
  send(event: ServerEvent, request?: string): void {
    if (this.isOpen) this.#connection.send(event, request);
  }

  /** Closes the link. Sends the reason first, if the agent does not know it. */
  close(closeReason: CloseReason): void {
    if (!this.isOpen) return;
    const { event, code, reason } = closeReasons[closeReason];
    if (event) this.#connection.send({ event: "revoked", reason });
    this.isOpen = false;
    this.#connection.close(code, reason);
  }
}

/** Returns the JSON of an event, with the JSON text of a request inserted as it is. */
export function eventJson(data: object, request: string | undefined): string {
  const text = JSON.stringify(data);
  return request === undefined ? text : `${text.slice(0, -1)},"request":${request}}`;
}
