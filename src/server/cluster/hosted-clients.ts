import type { JsonObject } from "../../mcp/messages.ts";
import { principalFrom } from "../core/access/principal-facts.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { ForwardedClient } from "../mcp/endpoint/endpoint-types.ts";
import type { HostedExchange } from "./link-host.ts";
import { type ForwardedRequest, InstanceMoved } from "./link-messages.ts";

/** Answers a request of a client whose session is here. Returns undefined if its project is not. */
export type ServeClient = (incoming: ForwardedClient) => Promise<Response | undefined>;

/** The most characters of a response that one frame has. */
const pieceLength = 256 * 1024;

/** The requests of clients that other nodes hand on, because their sessions are here. */
export class HostedClients {
  readonly #catalogue: Catalogue;
  readonly #serve: ServeClient;
  readonly #now: () => number;
  #busy = 0;
  #isDraining = false;

  constructor(catalogue: Catalogue, serve: ServeClient, now: () => number) {
    this.#catalogue = catalogue;
    this.#serve = serve;
    this.#now = now;
  }

  /**
   * Answers a request, as events. Rights are those of the snapshot here (T263).
   *
   * @throws InstanceMoved if nothing was done; the error of the endpoint
   */
  async handle(forwarded: ForwardedRequest, { signal, send }: HostedExchange): Promise<JsonObject> {
    const { snapshot } = this.#catalogue;
    const { method, url, headers, projectId, requestId } = forwarded;
    const principal = principalFrom(snapshot, forwarded.principal, this.#now());
    if (this.#isDraining || !principal) throw new InstanceMoved();
    // A stream that only listens ends with its link.
    const counts = method === "GET" ? 0 : 1;
    this.#busy += counts;
    try {
      const response = await this.#serve({
        request: new Request(url, { method, headers, signal }),
        requestId,
        principal,
        projectId,
        text: Buffer.from(forwarded.body, "base64").toString(),
        onLastBytes: () => undefined,
      });
      if (!response) throw new InstanceMoved();
      const { status, body } = response;
      send({ head: { status, headers: [...response.headers], hasBody: body !== null } });
      if (body) await sendBody(body, signal, (piece) => send({ body: piece }));
      return {};
    } finally {
      this.#busy -= counts;
    }
  }

  /** Takes no more requests. Returns when none is under way that its client waits for. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#busy > 0) await Bun.sleep(50);
  }
}

/** Sends a body in pieces, until its reader leaves. */
async function sendBody(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  send: (piece: string) => void,
): Promise<void> {
  const reader = body.getReader();
  const onGone = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", onGone, { once: true });
  if (signal.aborted) onGone();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = decoder.decode(value, { stream: !done });
      for (let at = 0; at < text.length; at += pieceLength) send(text.slice(at, at + pieceLength));
      if (done) return;
    }
  } finally {
    signal.removeEventListener("abort", onGone);
  }
}
