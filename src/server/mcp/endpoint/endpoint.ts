import type { RpcMessage, RpcRequest } from "../../../mcp/messages.ts";
import { rpcCodes } from "../../../mcp/rpc-error.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { dispatch } from "./dispatch.ts";
import type { ClientExchange } from "./exchange.ts";
import { type LegacySession, LegacySessions, unknownSession } from "./legacy-sessions.ts";
import type { EndpointServices } from "./methods.ts";
import { classify, serveModern } from "./modern.ts";

/** One HTTP request to the endpoint of a project. */
export interface EndpointRequest {
  request: Request;
  requestId: string;
  principal: Principal;
  project: ProjectRow;
  /** The body of a POST. */
  text: string;
}

type Parts = Pick<ClientExchange, "era" | "method" | "params" | "signal" | "send" | "ask">;

/** The endpoints of all projects, for clients of both eras (https://modelcontextprotocol.io/specification). */
export class McpEndpoint {
  readonly sessions: LegacySessions;
  readonly #services: EndpointServices;
  readonly #onDefect: (error: unknown) => void;

  constructor(services: EndpointServices, makeId: () => string, onDefect: (error: unknown) => void) {
    this.#services = services;
    this.sessions = new LegacySessions(makeId);
    this.#onDefect = onDefect;
  }

  /** Answers a request. Errors of the protocol are answers too. */
  async serve(incoming: EndpointRequest): Promise<Response> {
    const { request, principal, project, text } = incoming;
    let body: unknown;
    if (request.method === "POST") {
      try {
        body = JSON.parse(text);
      } catch {
        return refusal(400, rpcCodes.parseError, "the body is not JSON");
      }
    }
    const inbound = classify(request, body);
    if (inbound.kind === "refused") return Response.json(inbound.message, { status: inbound.status });
    if (inbound.kind === "legacy") return this.#serveLegacy(incoming, body);
    return serveModern(request, inbound, (message, parts, capabilities) => {
      const caller = { principal, session: principal.sessionId ?? principal.id, capabilities };
      return this.#answer(message, { ...parts, requestId: incoming.requestId, project, caller });
    });
  }

  async #serveLegacy(
    { request, requestId, principal, project }: EndpointRequest,
    body: unknown,
  ): Promise<Response> {
    const answer = (message: RpcRequest, parts: Parts, session: LegacySession) => {
      const caller = { principal, session: session.id, capabilities: session.capabilities };
      return this.#answer(message, { ...parts, requestId, project, caller });
    };
    const id = request.headers.get("mcp-session-id");
    let session = id === null ? undefined : this.sessions.find(id, principal, project);
    if (!session) {
      const isGreeting =
        !Array.isArray(body) && (body as Partial<RpcRequest> | undefined)?.method === "initialize";
      if (!isGreeting) {
        if (id !== null) return Response.json(unknownSession(idIn(body)), { status: 404 });
        return refusal(
          400,
          rpcCodes.invalidRequest,
          "begin with initialize, or send the header mcp-session-id",
        );
      }
      session = this.sessions.begin(principal, project, answer);
    }
    return session.transport.handleRequest(request, { parsedBody: body });
  }

  #answer(message: RpcRequest, exchange: ClientExchange): Promise<RpcMessage> {
    return dispatch(message, exchange, this.#services, this.#onDefect);
  }
}

function idIn(body: unknown): string | number | null {
  return (body as Partial<RpcRequest> | undefined)?.id ?? null;
}

function refusal(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}
