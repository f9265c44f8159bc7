import type { EndSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import { hopsHeader } from "../../../wire/hops.ts";
import { decide, type Principal } from "../../core/access/policy.ts";
import { principalAt, userPrincipal } from "../../core/access/principals.ts";
import { opensProject } from "../../core/access/token-projects.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { PersonaRow, ProjectRow } from "../../core/store/typed-rows.ts";
import type {
  OpenTools,
  ProjectTools,
  ToolResult,
  ToolsRequest,
} from "../../inference/personas/tools/offered-tools.ts";
import { withPartArguments } from "../content/part-request.ts";
import type { EndpointServices } from "../endpoint/endpoint-types.ts";
import type { ClientExchange } from "../endpoint/exchange.ts";
import { WrittenResult } from "../endpoint/exchange.ts";
import type { MessageTap } from "../endpoint/message-tap.ts";
import { methods } from "../endpoint/methods.ts";
import { type AgentTool, agentTools } from "../offers/agent-tools.ts";
import { offerOf } from "../offers/offer.ts";
import { isAllowed } from "../offers/tool-globs.ts";
import type { TappedClient } from "../traffic/traffic-tap.ts";
import { resultText } from "./result-text.ts";

/**
 * Gives personas the tools of their projects. Each call is one of the caller's: its rights, its limits, its line in the
 * audit log, as if the caller were a client of the project's endpoint.
 */
export class PersonaTools implements ProjectTools {
  readonly #services: EndpointServices;
  readonly #onDefect: (error: unknown) => void;
  readonly #tapOf: (project: ProjectRow, client: TappedClient) => MessageTap | undefined;

  /** @param tapOf returns what sees the calls of a persona; undefined if nobody wants to */
  constructor(
    services: EndpointServices,
    onDefect: (error: unknown) => void,
    tapOf: (project: ProjectRow, client: TappedClient) => MessageTap | undefined,
  ) {
    this.#services = services;
    this.#onDefect = onDefect;
    this.#tapOf = tapOf;
  }

  open(request: ToolsRequest): OpenTools | undefined {
    const snapshot = this.#services.snapshot();
    const { persona, principal, allow } = request;
    const name = persona.spec.project;
    const project = name === undefined ? undefined : snapshot.named("project", name);
    if (!project) return undefined;
    const { tools, cuts } = offerOf(snapshot, project as ProjectRow);
    const agents = agentsFor(snapshot, project as ProjectRow, request);
    if (tools.size + agents.length === 0) return undefined;
    checkRights(snapshot, principal, persona, project as ProjectRow);
    const allowed = [...tools.values(), ...agents].filter(({ name }) => isAllowed(name, { allow }));
    if (allowed.length === 0) return undefined;
    return {
      label: project.name,
      tools: allowed.map(({ name, definition: { description, inputSchema } }) => ({
        name,
        ...(typeof description === "string" && { description }),
        // The answers of personas are not cut.
        inputSchema:
          cuts && tools.has(name)
            ? withPartArguments(inputSchema, cuts)
            : isObject(inputSchema)
              ? inputSchema
              : { type: "object" },
      })),
      call: (tool, args, signal) => this.#call(request, project.id, tool, args, signal),
    };
  }

  async #call(
    request: ToolsRequest,
    projectId: string,
    name: string,
    args: JsonObject,
    signal: EndSignal,
  ): Promise<ToolResult> {
    try {
      const snapshot = this.#services.snapshot();
      const principal = principalAt(snapshot, request.principal);
      const project = snapshot.byId.get(projectId) as ProjectRow | undefined;
      const persona = snapshot.byId.get(request.persona.id) as PersonaRow | undefined;
      if (!project || persona?.spec.project !== project.name)
        return { text: "the agent has no such project any more", isError: true };
      checkRights(snapshot, principal, persona, project);
      const exchange = exchangeOf(request, principal, project, name, args, signal);
      const { requestId } = request;
      const client = { requestId, principal, name: `agent:${persona.name}` };
      const result = await this.#seen(this.#tapOf(project, client), exchange);
      return { text: resultText(result), isError: result["isError"] === true };
    } catch (error) {
      if (error instanceof RpcError || error instanceof AppError)
        return { text: `the call failed: ${error.message}`, isError: true };
      this.#onDefect(error);
      return { text: "the call failed: something went wrong in the server", isError: true };
    }
  }

  /** Makes a call, and shows its messages as those of a client. */
  async #seen(tap: MessageTap | undefined, exchange: ClientExchange): Promise<JsonObject> {
    const { method, params } = exchange;
    const call = async () => resultOf(await methods["tools/call"]!.handle(exchange, this.#services));
    if (!tap) return call();
    const message = (more: object) => ({ jsonrpc: "2.0", id: onlyId, ...more });
    const request = message({ method, params });
    tap.received(request, JSON.stringify(request));
    try {
      const result = await call();
      tap.sent(JSON.stringify(message({ result })));
      return result;
    } catch (error) {
      if (error instanceof RpcError) tap.sent(JSON.stringify(message({ error: error.toJSON() })));
      throw error;
    }
  }
}

/** The id of the only request of an exchange within the server. */
const onlyId = 1;

/** Returns the personas that a persona may ask: those that the caller may run, but not itself. */
function agentsFor(snapshot: Snapshot, project: ProjectRow, request: ToolsRequest): AgentTool[] {
  const { chain, persona, principal } = request;
  if (!chain.isOpen) return [];
  return agentTools(snapshot, project, principal).filter((tool) => tool.persona.id !== persona.id);
}

/**
 * Checks that a persona gives nobody a right: its caller needs `run` on the project, and so does its owner, whose words
 * lead the calls. Throws AppError `forbidden`.
 */
function checkRights(snapshot: Snapshot, caller: Principal, persona: PersonaRow, project: ProjectRow): void {
  const mayRun = (principal: Principal) =>
    decide(principal, "run", "projects", project.name, project) === "allow";
  if (!mayRun(caller) || !opensProject(snapshot, caller, project.name))
    throw new AppError(
      "forbidden",
      `agent "${persona.name}" uses the tools of a project that you may not run`,
    );
  const owner = userPrincipal(snapshot, persona.owner);
  if (!owner || !mayRun(owner))
    throw new AppError(
      "forbidden",
      `agent "${persona.name}" cannot be called: its owner may not run its project`,
    );
}

/** Returns a call as the endpoint of the project has it from a client that cannot be asked anything. */
function exchangeOf(
  { requestId, chain, hops }: ToolsRequest,
  principal: Principal,
  project: ProjectRow,
  name: string,
  args: JsonObject,
  signal: EndSignal,
): ClientExchange {
  const params = { name, arguments: args };
  return {
    requestId,
    era: "legacy",
    project,
    caller: { principal, session: principal.sessionId ?? principal.id, capabilities: {} },
    method: "tools/call",
    params,
    headers: new Headers(hops === null ? [] : [[hopsHeader, hops]]),
    bytesIn: Buffer.byteLength(JSON.stringify(params)),
    logLevel: undefined,
    // Its owner has told it what to know. The caller's own client has yet to begin.
    isExempt: true,
    signal,
    chain,
    send() {},
    async ask() {
      throw new RpcError(rpcCodes.methodNotFound, "an agent cannot be asked while it calls a tool");
    },
  };
}

function resultOf(result: JsonObject | WrittenResult): JsonObject {
  return result instanceof WrittenResult ? (JSON.parse(result.text) as JsonObject) : result;
}
