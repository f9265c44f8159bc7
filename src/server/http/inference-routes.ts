import { AppError } from "../../errors.ts";
import { decide, type Principal } from "../access/policy.ts";
import type { Operation } from "../inference/request.ts";
import { runnable } from "../inference/resolve.ts";
import type { Row } from "../store/types.ts";
import { parseCall, readText } from "./body.ts";
import type { Call, Route } from "./route.ts";
import type { Server } from "./server.ts";

const access = { verb: "run", resource: "llms" } as const;

/** Inference: under the llm's own name, and under the paths that SDKs expect. */
export function inferenceRoutes(server: Server): Route[] {
  const call = (path: string, operation: Operation, summary: string): Route => ({
    method: "POST",
    path,
    access,
    summary,
    handle: (request) => infer(server, request, operation),
  });
  return [
    call("/api/v1/llms/:idOrName/infer", "chat", "Chat completion of an llm"),
    call("/v1/chat/completions", "chat", "Chat completion; the model field chooses the llm or pool"),
    call("/v1/messages", "messages", "Anthropic messages; the model field chooses the llm or pool"),
    call(
      "/v1/messages/count_tokens",
      "count_tokens",
      "How many tokens a request for /v1/messages has; an estimate where the provider cannot tell",
    ),
    call(
      "/v1/responses",
      "responses",
      "OpenAI responses, stateless; the model field chooses the llm or pool",
    ),
    call("/v1/embeddings", "embeddings", "Embeddings; the model field chooses the llm or pool"),
    {
      method: "GET",
      path: "/v1/models",
      access,
      summary: "The llms that the caller may run",
      handle: ({ principal }) => {
        const data = runnable(server.catalogue.snapshot, principal).map(model);
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
      access,
      summary: "One llm that the caller may run",
      handle: ({ principal, params }) => Response.json(model(one(server, principal, params["id"]!))),
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
      return { text, ...parseCall(text) };
    },
  });
}

/** Rules look at names: an id is turned into the name it stands for, but not for who may not run it. */
function nameOf(server: Server, principal: Principal, idOrName: string): string {
  const row = server.catalogue.snapshot.byId.get(idOrName);
  if (row?.kind !== "llm") return idOrName;
  return decide(principal, "run", "llms", row.name, row) === "allow" ? row.name : idOrName;
}

function one(server: Server, principal: Principal, id: string): Row {
  const found = runnable(server.catalogue.snapshot, principal).find((llm) => llm.name === id);
  if (!found) throw new AppError("not_found", `llm "${id}" not found`);
  return found;
}

/** In the shape of both dialects: OpenAI's `object` and `owned_by`, Anthropic's `type` and `display_name`. */
function model(llm: Row) {
  return {
    id: llm.name,
    object: "model",
    created: Math.floor(llm.createdAt / 1000),
    owned_by: llm.spec["type"],
    type: "model",
    display_name: llm.name,
    created_at: new Date(llm.createdAt).toISOString(),
  };
}
