import { AppError } from "../../../errors.ts";
import { decide, type Principal } from "../../core/access/policy.ts";
import type { Row } from "../../core/store/types.ts";
import { agentInModel, findAgent, modelOfAgent, runnableAgents } from "../../inference/personas/persona.ts";
import { runnable } from "../../inference/pools/resolve.ts";
import type { Operation } from "../../inference/request.ts";
import { parseCall, readText } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { toAgent } from "./persona.ts";

const access = { verb: "run", resource: "llms" } as const;
/** Where the body's model may name a persona. */
const accessByModel = { ...access, or: "agents" } as const;

/** Inference: under the llm's own name, and under the paths that SDKs expect. */
export function inferenceRoutes(server: Server): Route[] {
  const call = (path: string, operation: Operation, summary: string): Route => ({
    method: "POST",
    path,
    access: path.startsWith("/v1/") ? accessByModel : access,
    summary,
    handle: (request) => infer(server, request, operation),
  });
  return [
    call("/api/v1/llms/:idOrName/infer", "chat", "Chat completion of an llm"),
    call("/v1/chat/completions", "chat", "Chat completion; the model field chooses the llm, pool or agent"),
    call("/v1/messages", "messages", "Anthropic messages; the model field chooses the llm, pool or agent"),
    call(
      "/v1/messages/count_tokens",
      "count_tokens",
      "How many tokens a request for /v1/messages has; an estimate where the provider cannot tell",
    ),
    call(
      "/v1/responses",
      "responses",
      "OpenAI responses, stateless; the model field chooses the llm, pool or agent",
    ),
    call("/v1/embeddings", "embeddings", "Embeddings; the model field chooses the llm or pool"),
    {
      method: "GET",
      path: "/v1/models",
      access: accessByModel,
      summary: "The llms and agents that the caller may run",
      handle: ({ principal }) => {
        const data = models(server, principal);
        return Response.json({
          object: "list",
          data,
          has_more: false,
          first_id: data[0]?.id ?? null,
          last_id: data.at(-1)?.id ?? null,
        });
      },
    },
    {
      method: "GET",
      path: "/v1/models/:id",
      access: accessByModel,
      summary: "One llm or agent that the caller may run",
      handle: ({ principal, params }) => Response.json(one(server, principal, params["id"]!)),
    },
  ];
}

function infer(server: Server, call: Call, operation: Operation): Promise<Response> {
  const { request, requestId, principal, params } = call;
  const { idOrName } = params;
  return server.inference.call({
    operation,
    principal,
    requestId,
    request,
    ...(idOrName !== undefined && { name: nameOf(server, principal, idOrName) }),
    read: async () => {
      const text = await readText(request, server.deadlines);
      const said = { text, ...parseCall(text) };
      const agent = idOrName === undefined ? agentInModel(said.body["model"]) : undefined;
      if (agent === undefined) return said;
      return toAgent(said, operation, findAgent(server.catalogue.snapshot, principal, agent));
    },
  });
}

/** Rules look at names: an id is turned into the name it stands for, but not for who may not run it. */
function nameOf(server: Server, principal: Principal, idOrName: string): string {
  const row = server.catalogue.snapshot.byId.get(idOrName);
  if (row?.kind !== "llm") return idOrName;
  return decide(principal, "run", "llms", row.name, row) === "allow" ? row.name : idOrName;
}

/** In the shape of both dialects: OpenAI's `object` and `owned_by`, Anthropic's `type` and `display_name`. */
function models({ catalogue: { snapshot } }: Server, principal: Principal) {
  return [
    ...runnable(snapshot, principal).map((llm) => model(llm, llm.name, llm.spec.type)),
    ...runnableAgents(snapshot, principal).map((agent) => model(agent, modelOfAgent(agent), agent.kind)),
  ];
}

function one(server: Server, principal: Principal, id: string): object {
  const found = models(server, principal).find((one) => one.id === id);
  if (found) return found;
  const agent = agentInModel(id);
  throw new AppError("not_found", `${agent === undefined ? "llm" : "agent"} "${agent ?? id}" not found`);
}

function model({ createdAt }: Row, id: string, ownedBy: unknown) {
  return {
    id,
    object: "model",
    created: Math.floor(createdAt / 1000),
    owned_by: ownedBy,
    type: "model",
    display_name: id,
    created_at: new Date(createdAt).toISOString(),
  };
}
