import { createHash } from "node:crypto";
import { AppError } from "../../errors.ts";
import { factsOf } from "../core/access/principal-facts.ts";
import type { ClientNodes, EndpointRequest } from "../mcp/endpoint/endpoint-types.ts";
import { type ForwardedRequest, InstanceMoved, LinkLost, type NodeEvent } from "./link-messages.ts";
import type { Membership } from "./membership.ts";
import type { NodeLink } from "./node-link.ts";
import type { NodeLinks } from "./node-links.ts";

/** The headers that the endpoint reads, besides those that begin with `mcp-`. */
const headersRead: ReadonlySet<string> = new Set(["accept", "content-type", "last-event-id"]);

/** The most bytes of a response that wait for a client who reads slowly. */
const maxWaitingBytes = 32 * 1024 * 1024;

/** Hands requests of clients on to the nodes where their sessions are (failure mode 221). */
export class ForwardedClients implements ClientNodes {
  readonly own: string;
  readonly #membership: Pick<Membership, "id" | "nodes">;
  readonly #links: Pick<NodeLinks, "to">;

  /** @param name that of this node. It outlives the lease of a node, and so do sessions */
  constructor(name: string, membership: Pick<Membership, "id" | "nodes">, links: Pick<NodeLinks, "to">) {
    this.own = labelOf(name);
    this.#membership = membership;
    this.#links = links;
  }

  async forward(label: string, incoming: EndpointRequest): Promise<Response | undefined> {
    if (label === this.own) return undefined;
    const node = [...this.#membership.nodes.values()].find(({ name }) => labelOf(name) === label);
    if (!node) return undefined;
    try {
      return await responseOver(this.#links.to(node), incoming);
    } catch (error) {
      if (error instanceof InstanceMoved || (error instanceof LinkLost && error.isUnsent)) return undefined;
      if (!(error instanceof LinkLost)) throw error;
      throw new AppError("unavailable", `the server ${node.name}, where the session is, has gone away`, {
        retryAfter: 1,
        cause: error,
      });
    }
  }
}

/** Sends a request over a link. Returns its response when its head has come. */
async function responseOver(
  link: NodeLink,
  { request, requestId, principal, project, text, onLastBytes }: EndpointRequest,
): Promise<Response> {
  const forwarded: ForwardedRequest = {
    principal: factsOf(principal),
    projectId: project.id,
    requestId,
    method: request.method,
    url: request.url,
    headers: [...request.headers].filter(([name]) => name.startsWith("mcp-") || headersRead.has(name)),
    body: Buffer.from(text).toString("base64"),
  };
  const head = Promise.withResolvers<Response>();
  const left = new AbortController();
  const body = new ForwardedBody(() => left.abort());
  const onEvent = (event: NodeEvent) => {
    if ("head" in event) {
      const { status, headers, hasBody } = event.head;
      head.resolve(new Response(hasBody ? body.stream : null, { status, headers }));
    } else if ("body" in event) body.add(event.body);
  };
  const signal = AbortSignal.any([request.signal, left.signal]);
  link.request({ is: "client", request: forwarded }, { signal, onEvent }).then(
    () => {
      onLastBytes();
      body.end();
    },
    (error) => {
      head.reject(error);
      body.fail(error);
    },
  );
  return head.promise;
}

/** The body of a response that another node sends in pieces. */
class ForwardedBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #leave: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOver = false;

  /** @param leave is called if the client leaves, or reads too slowly */
  constructor(leave: () => void) {
    this.#leave = leave;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          this.#isOver = true;
          leave();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    );
  }

  add(piece: string): void {
    if (this.#isOver) return;
    this.#controller.enqueue(Buffer.from(piece));
    if (-(this.#controller.desiredSize ?? 0) <= maxWaitingBytes) return;
    this.fail(new Error("the client reads too slowly"));
    this.#leave();
  }

  end(): void {
    if (!this.#isOver) this.#controller.close();
    this.#isOver = true;
  }

  fail(error: Error): void {
    if (!this.#isOver) this.#controller.error(error);
    this.#isOver = true;
  }
}

/** Returns the label of a node for clients, who need not read the name of its host. */
function labelOf(name: string): string {
  return createHash("sha256").update(name).digest("base64url").slice(0, 10);
}
