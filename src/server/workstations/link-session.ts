import { closeCodes } from "../../wire/link/constants.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import { PartSender } from "../../wire/link/part-sender.ts";
import type { LinkTransport } from "../../wire/link/registration.ts";
import type { LinkRevision } from "../../wire/link/revisions/revision.ts";
import { Receipts, SendWindow } from "../../wire/link/send-window.ts";
import type { Principal } from "../core/access/policy.ts";
import type { NegotiatedSession } from "./provider-sessions.ts";
import type { RequestParts } from "./request-parts.ts";

/** A connection that sends events to one agent. */
export interface LinkConnection {
  readonly transport: LinkTransport;
  /**
   * Sends an event, unless the connection is closed. Cuts off an agent that does not read.
   *
   * @param request JSON text, which is sent as the event's `request` without being parsed
   */
  send(event: ServerEvent, request?: string): void;
  /** Sends a binary frame over a WebSocket. */
  sendBytes?(frame: Uint8Array<ArrayBuffer>): void;
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
  busy: { event: false, code: 1013, reason: "the memory for large messages is in use: attach again" },
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
  /** Bytes in both directions; undefined if bodies are not sent in parts. */
  readonly #parts: { window: SendWindow; sender: PartSender; receipts: Receipts } | undefined;
  /** The requests that go to the agent in parts, until their calls are over. */
  readonly #requests = new Set<RequestParts>();
  #lastChannel = 0;

  /** @param elapsed milliseconds on a monotonic clock */
  constructor(
    { id, epoch, revision }: NegotiatedSession,
    principal: Principal,
    connection: LinkConnection,
    elapsed: () => number,
  ) {
    this.sessionId = id;
    this.epoch = epoch;
    this.revision = revision;
    this.principal = principal;
    this.#connection = connection;
    if (revision.sendsParts && connection.sendBytes) {
      const window = new SendWindow(elapsed);
      const send = (frame: Uint8Array<ArrayBuffer>) => {
        if (this.isOpen) connection.sendBytes?.(frame);
      };
      this.#parts = { window, sender: new PartSender({ window, send }), receipts: new Receipts() };
    }
    connection.send({ event: "attached", epoch });
  }

  get transport(): LinkTransport {
    return this.#connection.transport;
  }

  /** True if requests are sent to the agent in parts. */
  get sendsParts(): boolean {
    return this.#parts !== undefined;
  }

  /** Sends a request in parts, between those of other requests. */
  startRequest(request: RequestParts): void {
    this.#requests.add(request);
    this.#parts?.sender.add(request);
  }

  stopRequest(request: RequestParts): void {
    this.#requests.delete(request);
    this.#parts?.sender.remove(request);
  }

  /** Tells the agent from time to time how many bytes have arrived. */
  acknowledge(bytes: number): void {
    const total = this.#parts?.receipts.add(bytes);
    if (total !== undefined) this.send({ event: "received", bytes: total });
  }

  /**
   * Takes the agent's report of bytes that have arrived.
   *
   * @returns false if so many were not sent
   */
  received(bytes: number): boolean {
    if (!this.#parts) return true;
    if (!this.#parts.window.received(bytes)) return false;
    for (const request of this.#requests) request.arrived();
    this.#parts.sender.pump();
    return true;
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
