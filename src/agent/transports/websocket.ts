import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";
import type { Time } from "../../time.ts";
import { decodeBytes } from "../../wire/link/binary-frame.ts";
import { closeCodes, epochHeader, linkPaths, offerMs, sessionHeader } from "../../wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../wire/link/messages.ts";
import { PartSender } from "../../wire/link/part-sender.ts";
import type { AgentState } from "../../wire/link/registration.ts";
import { Receipts, SendWindow } from "../../wire/link/send-window.ts";
import type { AgentSession } from "../session/session.ts";
import { readServerEvent } from "./server-event.ts";
import type { LinkEnd, LinkEvents, ServerLink } from "./server-link.ts";
import { Watchdog } from "./watchdog.ts";
import { type SharedSocket, WebSocketLine } from "./websocket-line.ts";

/** Milliseconds between two pings. */
const pingMs = 15_000;
/** The most bytes that wait to go out to a server that does not say what has arrived. */
const bufferedBytes = 1024 * 1024;
/** Milliseconds between two checks of a full buffer. */
const bufferCheckMs = 10;

/** Bun's WebSocket, which takes headers and has events for pings. */
export interface ClientSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): unknown;
  ping(): void;
  close(code?: number): void;
  terminate(): void;
  addEventListener(
    type: "open" | "message" | "ping" | "pong" | "close" | "error",
    listener: (event: { data?: unknown; code?: number; error?: unknown }) => void,
  ): void;
}

export type SocketConstructor = new (
  url: string,
  options: { headers: Record<string, string>; perMessageDeflate: false },
) => ClientSocket;

export interface WebSocketOptions {
  /** URL of the server, http or https. */
  url: string;
  token: string;
  session: AgentSession;
  time: Time;
  WebSocket: SocketConstructor;
  events: LinkEvents;
  /** The longest that it may take to open and be attached, in milliseconds. */
  timeout: number;
}

/**
 * Attaches the session's stream over a WebSocket.
 *
 * @throws AppError `connection_failed` when it is not attached in time. The reason of a refusal cannot be read from a
 *   WebSocket
 */
export async function attachWebSocket(options: WebSocketOptions): Promise<ServerLink> {
  let link: WebSocketLink;
  try {
    link = new WebSocketLink(options);
  } catch (cause) {
    throw new AppError("connection_failed", "no WebSocket: it cannot be opened", { cause });
  }
  await link.attached;
  return link;
}

class WebSocketLink implements ServerLink, SharedSocket {
  readonly transport = "websocket";
  readonly #options: WebSocketOptions;
  readonly #socket: ClientSocket;
  readonly #watchdog: Watchdog;
  readonly #attached = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<LinkEnd>();
  /** The lines of calls, by their channels. */
  readonly #lines = new Map<number, WebSocketLine>();
  readonly #offers = new Map<string, (event?: ServerEvent & { event: "accepted" }) => void>();
  readonly sendsParts: boolean;
  /** Undefined for a server that does not hear how many bytes have arrived, nor says so. */
  readonly #window: SendWindow | undefined;
  readonly #receipts = new Receipts();
  readonly #sender: PartSender;
  #over = false;
  #stopPing: () => void;
  #stopBufferCheck: (() => void) | undefined;

  constructor(options: WebSocketOptions) {
    const { url, token, session, time, WebSocket, timeout } = options;
    this.#options = options;
    this.sendsParts = session.revision.sendsParts;
    this.#window = this.sendsParts ? new SendWindow(() => time.elapsed()) : undefined;
    this.#sender = new PartSender({
      window: this.#window ?? this.#bufferWindow(),
      send: (frame) => {
        if (!this.#over) this.#socket.send(frame);
      },
    });
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}${linkPaths.stream}`, {
      headers: {
        authorization: `Bearer ${token}`,
        [sessionHeader]: session.id ?? "",
        ...(session.epoch !== undefined && { [epochHeader]: String(session.epoch) }),
      },
      // The server does not compress, and a small compressed message could become a huge one (T63).
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#watchdog = new Watchdog(time, () =>
      this.#end({ why: "lost", reason: "nothing arrived for 45 s" }, true),
    );
    this.#stopPing = time.after(pingMs, () => this.#ping());
    const tooLate = time.after(timeout, () =>
      this.#end({ why: "lost", reason: "not attached in time" }, true),
    );
    void this.#attached.promise.then(tooLate, tooLate);
    for (const sign of ["ping", "pong"] as const)
      socket.addEventListener(sign, () => this.#watchdog.received());
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    socket.addEventListener("close", ({ code }) => this.#end(endOf(code), false));
    socket.addEventListener("error", ({ error }) =>
      this.#end({ why: "lost", reason: reasonText(error, "no connection") }, true),
    );
  }

  get attached(): Promise<void> {
    return this.#attached.promise;
  }

  get ended(): Promise<LinkEnd> {
    return this.#ended.promise;
  }

  heartbeat(state: AgentState): void {
    this.send({ op: "heartbeat", state });
  }

  authenticate(token: string): void {
    this.send({ op: "authenticate", token });
  }

  close(): void {
    this.#end({ why: "closed", reason: "closed" }, false);
    this.#socket.close(1000);
  }

  send(message: AgentMessage): void {
    if (!this.#over) this.#socket.send(JSON.stringify(message));
  }

  sendParts(line: WebSocketLine): void {
    this.#sender.add(line);
  }

  accept(taskId: string, attempt: number): Promise<(ServerEvent & { event: "accepted" }) | undefined> {
    return new Promise((resolve) => {
      const key = `${taskId} ${attempt}`;
      const settle = (event?: ServerEvent & { event: "accepted" }) => {
        stop();
        this.#offers.delete(key);
        resolve(event);
      };
      const stop = this.#options.time.after(2 * offerMs, settle);
      this.#offers.set(key, settle);
      if (this.#over) return settle();
      this.send({ op: "accept", taskId, attempt });
    });
  }

  forget(line: WebSocketLine): void {
    if (this.#lines.get(line.channel) === line) this.#lines.delete(line.channel);
    this.#sender.remove(line);
  }

  #onMessage(data: unknown): void {
    if (this.#over) return;
    this.#watchdog.received();
    if (typeof data !== "string") return this.#onBytes(data);
    const event = readServerEvent(undefined, data);
    const { session, events } = this.#options;
    switch (event?.event) {
      case "attached":
        session.epoch = event.epoch;
        return this.#attached.resolve();
      case "task": {
        const line = new WebSocketLine(this, event);
        // A repeated offer has a line of its own, which is closed at once.
        if (line.channel > 0 && !this.#lines.has(line.channel)) this.#lines.set(line.channel, line);
        return events.task(event, line);
      }
      case "accepted":
        return this.#offers.get(`${event.taskId} ${event.attempt}`)?.(event);
      case "cancel":
        return events.cancel(event.taskId);
      case "credit":
        return events.credit(event.taskId, event.bytes);
      case "answer":
        return events.answer(event.taskId, event.answer);
      case "received":
        if (this.#window?.received(event.bytes)) this.#sender.pump();
        return;
      case "drain":
        return events.drain();
      default:
      // `revoked` is followed by a close with a code.
    }
  }

  #ping(): void {
    this.#socket.ping();
    this.#stopPing = this.#options.time.after(pingMs, () => this.#ping());
  }

  /** Takes bytes of a request. */
  #onBytes(data: unknown): void {
    const frame = data instanceof ArrayBuffer ? decodeBytes(new Uint8Array(data)) : undefined;
    if (!frame) return;
    const bytes = this.#receipts.add(frame.bytes.length);
    if (bytes !== undefined) this.send({ op: "received", bytes });
    this.#lines.get(frame.channel)?.receive(frame.bytes);
  }

  /** Limits the bytes in the socket's own buffer. Bun's client has no limit. */
  #bufferWindow(): { readonly hasRoom: boolean; sent(): void } {
    const hasRoom = () => {
      if (this.#over || this.#socket.bufferedAmount < bufferedBytes) return true;
      this.#stopBufferCheck ??= this.#options.time.after(bufferCheckMs, () => {
        this.#stopBufferCheck = undefined;
        this.#sender.pump();
      });
      return false;
    };
    return {
      get hasRoom() {
        return hasRoom();
      },
      sent() {},
    };
  }

  #end(end: LinkEnd, terminate: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#watchdog.stop();
    this.#stopPing();
    this.#stopBufferCheck?.();
    // A claim must not wait for `ended`: it would keep the link, and with it every accepted request, in memory.
    for (const settle of [...this.#offers.values()]) settle();
    if (terminate) this.#socket.terminate();
    this.#attached.reject(new AppError("connection_failed", `no WebSocket: ${end.reason}`));
    this.#ended.resolve(end);
  }
}

function endOf(code: number | undefined): LinkEnd {
  if (code === closeCodes.fenced) return { why: "fenced", reason: "another agent has taken over" };
  if (code === closeCodes.revoked) return { why: "revoked", reason: "the bearer is no longer valid" };
  if (code === 1012) return { why: "stopping", reason: "the server is stopping" };
  return { why: "lost", reason: `closed with ${code ?? "no code"}` };
}
