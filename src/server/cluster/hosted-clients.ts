import type { JsonObject } from "../../mcp/messages.ts";
import { principalFrom } from "../core/access/principal-facts.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { ForwardedClient } from "../mcp/endpoint/endpoint-types.ts";
import { HostedWork } from "./hosted-work.ts";
import type { HostedExchange } from "./link-host.ts";
import { type ForwardedRequest, InstanceMoved } from "./link-messages.ts";

/** Answers a request of a client whose session is here. Returns undefined if its project is not. */
export type ServeClient = (incoming: ForwardedClient) => Promise<Response | undefined>;

/** The most characters of a response that one frame has. */
const pieceLength = 256 * 1024;

/** The requests of clients that other nodes hand on, because their sessions are here. */
export class HostedClients {
  readonly work = new HostedWork();
  readonly #catalogue: Catalogue;
  readonly #serve: ServeClient;
  readonly #now: () => number;

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
  handle(forwarded: ForwardedRequest, { signal, send }: HostedExchange): Promise<JsonObject> {
    const { method, url, headers, projectId, requestId } = forwarded;
    // A stream that only listens ends with its link.
    return this.work.run(async () => {
      const principal = principalFrom(this.#catalogue.snapshot, forwarded.principal, this.#now());
      if (!principal) throw new InstanceMoved();
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
    }, method === "GET");
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
