import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { isVisible } from "../../core/access/policy.ts";
import { findPersona } from "../../inference/personas/persona.ts";
import { readBody } from "../body.ts";
import { listPieces, longResponse, pieceCharacters } from "../long-response.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const access = { verb: "run", resource: "agents" } as const;

const input = Type.Object(
  { title: Type.Optional(Type.String({ maxLength: 200, description: "What it is about" })) },
  { additionalProperties: false },
);

const thread = {
  id: Type.String(),
  agent: Type.Union([Type.String(), Type.Null()]),
  title: Type.String(),
  createdAt: Type.String(),
  updatedAt: Type.String(),
};
const shown = Type.Object(thread);
const withMessages = Type.Object({
  ...thread,
  messages: Type.Array(Type.Record(Type.String(), Type.Unknown())),
});

/** Routes of threads: conversations with personas, each of which only its owner can use. */
export function threadRoutes(server: Server): Route[] {
  const { threads, catalogue, deadlines } = server;
  return [
    {
      method: "POST",
      path: "/api/v1/agents/:idOrName/threads",
      access,
      summary: "Create a thread with an agent",
      status: 201,
      body: input,
      response: shown,
      handle: async (call) => {
        const { principal, params } = call;
        const find = () => findPersona(catalogue.snapshot, principal, params["idOrName"]!);
        find();
        const { title = "" } = await readBody(call, deadlines, input);
        return Response.json(await threads.create(principal, find(), title), { status: 201 });
      },
    },
    {
      method: "GET",
      path: "/api/v1/threads",
      access,
      summary: "List the caller's own threads, the last used first",
      query: { agent: "Only threads with this agent" },
      response: Type.Array(shown),
      handle: async (call) => {
        const agent = call.query.get("agent");
        const found = agent === null ? undefined : agentId(server, call, agent);
        return longResponse(listPieces(await threads.list(call.principal, found), (one) => one));
      },
    },
    {
      method: "GET",
      path: "/api/v1/threads/:id",
      access,
      summary: "Read one of the caller's own threads, with its messages",
      response: withMessages,
      handle: async ({ principal, params }) => {
        const { messages, ...thread } = await threads.read(principal, params["id"]!);
        return longResponse(threadPieces(thread, messages));
      },
    },
    {
      method: "DELETE",
      path: "/api/v1/threads/:id",
      access,
      summary: "Delete one of the caller's own threads",
      status: 204,
      handle: async ({ principal, params }) => {
        await threads.remove(principal, params["id"]!);
        return new Response(null, { status: 204 });
      },
    },
  ];
}

/** Makes pieces of a thread with its messages, as JSON. */
function* threadPieces(thread: object, messages: readonly object[]): Generator<string, undefined> {
  let piece = `${JSON.stringify(thread).slice(0, -1)},"messages":`;
  for (const next of listPieces(messages, (message) => message)) {
    if (piece.length >= pieceCharacters) {
      yield piece;
      piece = "";
    }
    piece += next;
  }
  yield `${piece}}`;
}

/** Returns the id of a persona that is visible to the caller, also if the caller may no longer run it. */
function agentId({ catalogue: { snapshot } }: Server, { principal }: Call, idOrName: string): string {
  const byId = snapshot.byId.get(idOrName);
  const agent = byId?.kind === "agent" ? byId : snapshot.named("agent", idOrName);
  if (agent && isVisible(principal, "agents", agent)) return agent.id;
  throw new AppError("not_found", `agent "${idOrName}" not found`);
}
