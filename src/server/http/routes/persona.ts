import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { withoutTopLevel } from "../../../wire/json.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import { findAgent, modelOfAgent } from "../../inference/personas/persona.ts";
import { asAgent } from "../../inference/personas/persona-request.ts";
import type { CallerRequest } from "../../inference/request.ts";
import { kept } from "../../inference/threads/thread-recorder.ts";
import type { Message, Turn } from "../../inference/threads/threads.ts";
import { parseCall, readText } from "../body.ts";
import { type Call, type Route, toldOf } from "../route.ts";
import type { Server } from "../server.ts";

/** Speaking to a persona by its own path, also in a thread. */
export function personaRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/agents/:idOrName/chat",
      access: { verb: "run", resource: "agents" },
      summary: "Chat completion of an agent; in a thread, where the body's thread names one",
      handle: (call) => chat(server, call),
    },
  ];
}

/**
 * A caller's request as it is put to a persona.
 *
 * @param before what was said before
 * @throws AppError `invalid_request`
 */
export function toAgent(
  said: CallerRequest,
  operation: Operation,
  agent: PersonaRow,
  before: readonly Message[] = [],
): CallerRequest {
  const text = asAgent(said, operation, agent, before);
  return text === said.text ? { ...said, agent } : { text, ...parseCall(text, operation), agent };
}

async function chat(server: Server, call: Call): Promise<Response> {
  const { principal, request, requestId, params } = call;
  const agentOf = () => findAgent(server.catalogue.snapshot, principal, params["idOrName"]!);
  let turn: Turn | undefined;
  try {
    const response = await server.inference.call({
      operation: "chat",
      principal,
      requestId,
      request,
      read: async () => {
        agentOf();
        const text = await readText(call, server.deadlines);
        const said = { text, ...parseCall(text, "chat") };
        const agent = agentOf();
        checkModel(said, agent);
        if (!Object.hasOwn(said.body, "thread")) return toAgent(said, "chat", agent);
        const { thread, ...body } = said.body;
        turn = await server.threads.turn(principal, agent, threadId(thread), spoken(body));
        const words = withoutTopLevel(text, said.scan, "thread");
        return toAgent({ text: words, ...parseCall(words, "chat") }, "chat", agent, turn.before);
      },
    });
    if (!turn) return response;
    return await kept(response, turn, (error) => dialects.chat.errorFrames(toldOf(error), requestId));
  } catch (error) {
    turn?.end();
    throw error;
  }
}

/** The path says who is asked: a model that says something else is a mistake. */
function checkModel({ body }: CallerRequest, agent: PersonaRow): void {
  const { model } = body;
  const own = modelOfAgent(agent);
  if (model === undefined || model === null || ["", agent.name, own].includes(model as string)) return;
  throw new AppError("invalid_request", `model: this agent answers as "${own}"`, {
    details: [{ path: "/model", message: "is not this agent" }],
  });
}

function threadId(thread: unknown): string {
  if (typeof thread === "string" && thread !== "") return thread;
  throw invalid("/thread", "thread must be the id of a thread");
}

/** What the caller says in a thread: it is kept, and so looked at before it is sent. */
function spoken({ messages, n }: Record<string, unknown>): Message[] {
  if (!Array.isArray(messages) || messages.length === 0) throw invalid("/messages", "messages is required");
  if (!messages.every((one) => typeof one === "object" && one !== null && !Array.isArray(one)))
    throw invalid("/messages", "messages must be a list of objects");
  if (n !== undefined && n !== null && n !== 1) throw invalid("/n", "a thread keeps one answer: n must be 1");
  return messages;
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path, message }] });
}
