import { AppError } from "../../../errors.ts";
import { isObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { parseExact } from "../../../wire/exact-json.ts";
import { parsedObject, refuseExcess } from "../../../wire/json.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { classify } from "./classify.ts";
import { refused } from "./dispatch.ts";
import type { EndpointOptions, EndpointRequest, ForwardedClient } from "./endpoint-types.ts";
import { LegacyEndpoint, sessionHeader } from "./legacy.ts";
import { LegacySessions } from "./legacy-sessions.ts";
import type { MessageTap } from "./message-tap.ts";
import { serveModern } from "./modern.ts";
import { labelled } from "./node-label.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The levels of a message; those of arguments included. */
const maxDepth = 64;

/** The endpoints of all projects, for clients of both eras (https://modelcontextprotocol.io/specification). */
export class McpEndpoint {
  readonly sessions: LegacySessions;
  readonly #options: EndpointOptions;
  readonly #legacy: LegacyEndpoint;
  readonly #subscriptions: Subscriptions;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.sessions = new LegacySessions(options.changes, options.servers, options.elapsed);
    this.#legacy = new LegacyEndpoint(this.sessions, options);
    this.#subscriptions = new Subscriptions(options);
  }

  /** Answers a request. Errors of the protocol are answers too. Throws AppError if a quota is exceeded. */
  serve(incoming: EndpointRequest): Response | Promise<Response> {
    const { clients } = this.#options;
    const label = clients && labelOf(incoming);
    return label === undefined ? this.#serveHere(incoming) : this.#serveElsewhere(label, incoming);
  }

  async #serveElsewhere(label: string, incoming: EndpointRequest): Promise<Response> {
    return (await this.#options.clients!.forward(label, incoming)) ?? this.#serveHere(incoming);
  }

  /** Answers a request that another host has handed on. Undefined if its project is not known here. */
  async serveForwarded({ projectId, ...incoming }: ForwardedClient): Promise<Response | undefined> {
    const project = this.#options.services.snapshot().byId.get(projectId);
    return project?.kind === "project"
      ? this.#serveHere({ ...incoming, project: project as ProjectRow })
      : undefined;
  }

  #serveHere(incoming: EndpointRequest): Response | Promise<Response> {
    const tap = this.#options.tap(incoming);
    return tap ? this.#serveTapped({ ...incoming, tap }) : this.#serve(incoming);
  }

  async #serveTapped(incoming: EndpointRequest & { tap: MessageTap }): Promise<Response> {
    return incoming.tap.through(await this.#serve(incoming));
  }

  close(): void {
    this.sessions.close();
  }

  #serve(incoming: EndpointRequest): Response | Promise<Response> {
    const { request, text, tap } = incoming;
    let body: unknown;
    if (request.method === "POST") {
      try {
        refuseExcess(text, { maxDepth, subject: "the message" });
        body = parseExact(text);
      } catch (error) {
        const message = error instanceof AppError ? error.message : "the body is not JSON";
        tap?.received(undefined, text);
        return refused(null, new RpcError(rpcCodes.parseError, message), 400);
      }
      tap?.received(body, text);
    }
    const inbound = classify(request, body);
    if (inbound.kind === "refused") return refused(inbound.id, inbound.error, inbound.status);
    if (inbound.kind === "legacy") return this.#legacy.serve(incoming, body);
    const { message } = inbound;
    if ("method" in message && "id" in message && message.method === "subscriptions/listen")
      return this.#subscriptions.serve(incoming, message);
    return serveModern(incoming, message, this.#options);
  }
}

/** Returns the label of the host that a request belongs to: its session, or what it brings back, is from there. */
function labelOf({ request, text }: EndpointRequest): string | undefined {
  const session = request.headers.get(sessionHeader);
  if (session !== null) return labelled(session).label;
  if (!/"(?:requestState|taskId)"/.test(text)) return undefined;
  const message = parsedObject(text, { maxDepth });
  const params = isObject(message) && isObject(message["params"]) ? message["params"] : {};
  const given = params["requestState"] ?? params["taskId"];
  return typeof given === "string" ? labelled(given).label : undefined;
}
