import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { isObject } from "../../../wire/json.ts";
import { withoutTopLevel } from "../../../wire/json-splice.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import { findPersona, personaModel } from "../../inference/personas/persona.ts";
import { toPersona } from "../../inference/personas/to-persona.ts";
import type { ParsedRequest } from "../../inference/request.ts";
import { recordResponse } from "../../inference/threads/thread-recorder.ts";
import type { ChatMessage, ThreadTurn } from "../../inference/threads/threads.ts";
import { readText } from "../body.ts";
import { type Call, publicError, type Route } from "../route.ts";
import type { Server } from "../server.ts";
import { CallWithTools } from "./call-with-tools.ts";

/** Calls of a persona by its own path, also in a thread. */
export function personaRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/agents/:idOrName/chat",
      access: { verb: "run", resource: "agents" },
      recordsCalls: true,
      summary:
        "Call an agent in the dialect of OpenAI chat completions; with thread in the body, in that thread",
      handle: (call) => chat(server, call),
    },
  ];
}

async function chat(server: Server, call: Call): Promise<Response> {
  const { principal, request, requestId, params } = call;
  const tools = new CallWithTools(server, call, "chat");
  const find = () => findPersona(server.catalogue.snapshot, principal, params["idOrName"]!);
  let turn: ThreadTurn | undefined;
  try {
    const first = await server.inference.call({
      operation: "chat",
      principal,
      requestId,
      httpRequest: request,
      onLastBytes: () => tools.onLastBytes(),
      body: call.body,
      read: async (record) => {
        record.asks(`agent:${params["idOrName"]}`);
        find();
        const text = await readText(call, server.deadlines, { inflate: true });
        const parsed = await parseCall(text, "chat");
        const persona = find();
        checkModel(parsed, persona);
        if (!Object.hasOwn(parsed.body, "thread"))
          return tools.begin(await toPersona(parsed, "chat", persona, server.catalogue.snapshot));
        const { thread, ...body } = parsed.body;
        turn = await server.threads.beginTurn(principal, persona, threadId(thread), messagesIn(body));
        const withoutThread = withoutTopLevel(text, parsed.scan, "thread");
        const own = await parseCall(withoutThread, "chat");
        return tools.begin(await toPersona(own, "chat", persona, server.catalogue.snapshot, turn.history));
      },
    });
    const { loop } = tools;
    const response = loop ? await loop.run(first) : first;
    if (!turn) return response;
    const errorFrames = (error: unknown) => dialects.chat.errorFrames(publicError(error), requestId);
    return await recordResponse(response, turn, errorFrames, loop && (() => loop.messages));
  } catch (error) {
    turn?.end();
    throw error;
  }
}

/** Throws AppError if the body has a `model` other than the persona in the path. */
function checkModel({ body }: ParsedRequest, persona: PersonaRow): void {
  const { model } = body;
  const own = personaModel(persona);
  if (model === undefined || model === null || ["", persona.name, own].includes(model as string)) return;
  throw new AppError("invalid_request", `model: this agent answers as "${own}"`, {
    details: [{ path: "/model", message: "is not this agent" }],
  });
}

function threadId(thread: unknown): string {
  if (typeof thread === "string" && thread !== "") return thread;
  throw invalid("/thread", "thread must be the id of a thread");
}

/** The new messages of a request in a thread. They are checked, because they are stored. */
function messagesIn({ messages, n }: Record<string, unknown>): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) throw invalid("/messages", "messages is required");
  if (!messages.every(isObject)) throw invalid("/messages", "messages must be a list of objects");
  if (n !== undefined && n !== null && n !== 1)
    throw invalid("/n", "a thread stores one response: n must be 1");
  return messages;
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path, message }] });
}
