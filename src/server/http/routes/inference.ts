import { AppError } from "../../../errors.ts";
import { bareName } from "../../../kinds/aliases.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { codexModel } from "../../../wire/dialects/codex-models.ts";
import { modelEntry, modelListFields } from "../../../wire/dialects/index.ts";
import { modelsPath, type Operation, operationNames, operations } from "../../../wire/dialects/operations.ts";
import type { CallRequest } from "../../../wire/incoming-request.ts";
import type { ScannedJson } from "../../../wire/json.ts";
import { decide, type Principal } from "../../core/access/policy.ts";
import type { InferenceCall } from "../../inference/call.ts";
import { listedModel, listedModels, withMakersName, withMakersNames } from "../../inference/listed-models.ts";
import { findPersona, personaInModel } from "../../inference/personas/persona.ts";
import { toPersona } from "../../inference/personas/to-persona.ts";
import type { ParsedRequest } from "../../inference/request.ts";
import { readForm } from "../body.ts";
import { readCall } from "../call-body.ts";
import { listPieces, longResponse, objectPieces } from "../long-response.ts";
import type { Call, Route } from "../route.ts";
import type { CallServer } from "../server.ts";
import { CallWithTools } from "./call-with-tools.ts";

const access = { verb: "run", resource: "llms" } as const;
/** The access of routes where the model in the body may name a persona. */
const accessByModel = { ...access, or: [{ verb: "run", resource: "agents" }] } as const;

const summaries: Readonly<Record<Operation, string>> = {
  chat: "Call an llm, pool or agent in the dialect of OpenAI chat completions; the model field names it",
  messages: "Call an llm, pool or agent in the dialect of Anthropic messages; the model field names it",
  count_tokens: `Count the tokens of a request for ${operations.messages.path}; an estimate where the provider cannot count`,
  input_tokens: `Count the tokens of a request for ${operations.responses.path}; an estimate where the provider cannot count`,
  responses: "Call an llm, pool or agent in the dialect of OpenAI responses; the model field names it",
  embeddings: "Make embeddings with an llm or pool; the model field names it",
  completions: "Complete a text with an llm or pool, as before chat; the model field names it",
  speech: "Make speech of a text with an llm or pool; the model field names it",
  transcriptions: "Write down what an audio file says, with an llm or pool; the part model names it",
  translations: "Write down in English what an audio file says; the part model names the llm or pool",
  images: "Make images with an llm or pool; the model field names it",
  image_edits: "Change an image with an llm or pool; the part model names it",
  image_variations: "Make variations of an image with an llm or pool; the part model names it",
  moderations: "Classify texts with an llm or pool; the model field names it",
  rerank: "Sort documents by a question with an llm or pool; the model field names it",
};

/** Calls of models: by the name of an llm, and by the paths that SDKs use. */
export function inferenceRoutes(server: CallServer): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/llms/:idOrName/infer",
      access,
      recordsCalls: true,
      summary: "Call an llm in the dialect of OpenAI chat completions",
      handle: (call) => infer(server, call, "chat"),
    },
    ...operationNames.flatMap((operation) =>
      pathsOf(operation).map(
        (path): Route => ({
          method: "POST",
          path,
          access: accessByModel,
          recordsCalls: true,
          summary: summaries[operation],
          handle: (call) => infer(server, call, operation),
        }),
      ),
    ),
    {
      method: "GET",
      path: modelsPath,
      access: accessByModel,
      summary: "List the llms, pools, aliases and agents that the caller may run",
      handle: (call) => models(server, call),
    },
    model(server, `${modelsPath}/:id`),
    // Aliases may have slashes.
    { ...model(server, `${modelsPath}/:id/*`), isUndocumented: true },
  ];
}

function model(server: CallServer, path: string): Route {
  return {
    method: "GET",
    path,
    access: accessByModel,
    summary: "Read one llm, pool, alias or agent that the caller may run",
    handle: async (call) => {
      const { id = "", "*": rest } = call.params;
      return Response.json(await one(server, call, rest === undefined ? id : `${id}/${rest}`));
    },
  };
}

function pathsOf(operation: Operation): string[] {
  const { path, aliases = [] } = operations[operation];
  return [path, ...aliases];
}

const nothing = () => {};

function infer(server: CallServer, call: Call, operation: Operation): Promise<Response> {
  const routed = new RoutedCall(server, call, operation);
  const response = server.inference.call(routed);
  return routed.isRead && !routed.tools ? response : withTools(response, routed);
}

async function withTools(first: Promise<Response>, routed: RoutedCall): Promise<Response> {
  const response = await first;
  const loop = routed.tools?.loop;
  return loop ? await loop.run(response) : response;
}

/** A request to a route of calls, as a call of a model. */
class RoutedCall implements InferenceCall {
  readonly operation: Operation;
  readonly principal: Principal;
  readonly requestId: string;
  readonly httpRequest: CallRequest;
  readonly name: string | undefined;
  readonly body: Call["body"];
  readonly onLastBytes: () => void;
  /** Set for a call of a persona, which may have tools. */
  tools: CallWithTools | undefined;
  /** True once the request has been read. */
  isRead = false;
  readonly #server: CallServer;
  readonly #call: Call;

  constructor(server: CallServer, call: Call, operation: Operation) {
    const { request, principal, params } = call;
    const { idOrName } = params;
    this.operation = operation;
    this.principal = principal;
    this.requestId = call.requestId;
    this.httpRequest = request;
    this.name = idOrName === undefined ? undefined : nameOf(server, principal, idOrName);
    this.body = call.body;
    // A listener that takes live bodies has no limit for quiet ones that would have to end.
    this.onLastBytes = this.httpRequest.takesLive ? nothing : lastBytesOf(this);
    this.#server = server;
    this.#call = call;
  }

  read(record: Asked): ParsedRequest | Promise<ParsedRequest> {
    const sent = readRequest(this.#server, this.#call, this.operation, record);
    return sent instanceof Promise ? this.#arriving(sent) : this.#begin(sent);
  }

  async #arriving(sent: Promise<ParsedRequest>): Promise<ParsedRequest> {
    return this.#begin(await sent);
  }

  #begin(sent: ParsedRequest): ParsedRequest {
    this.isRead = true;
    if (!sent.persona) return sent;
    this.tools = new CallWithTools(this.#server, this.#call, this.operation);
    return this.tools.begin(sent);
  }

  /** Ends the quiet time of a response. */
  endQuiet(): void {
    if (this.tools) this.tools.onLastBytes();
    else this.#server.endQuiet(this.#call.request, this.#call.peer);
  }
}

function lastBytesOf(routed: RoutedCall): () => void {
  return () => routed.endQuiet();
}

/** Takes the model that a body names, before it is known if there is one. */
type Asked = Parameters<InferenceCall["read"]>[0];

/** Reads a request; returns it at once if all of it has arrived. */
function readRequest(
  server: CallServer,
  call: Call,
  operation: Operation,
  record: Asked,
): ParsedRequest | Promise<ParsedRequest> {
  const parsed = operations[operation].isForm
    ? readForm(call, server.deadlines)
    : readCall(call, server.deadlines, operation);
  return parsed instanceof Promise
    ? arriving(server, call, operation, record, parsed)
    : requestOf(server, call, operation, record, parsed);
}

async function arriving(
  server: CallServer,
  call: Call,
  operation: Operation,
  record: Asked,
  parsed: Promise<ScannedJson>,
): Promise<ParsedRequest> {
  return requestOf(server, call, operation, record, await parsed);
}

/** Returns the request of a body. Its model may name a persona where the path names no llm. */
function requestOf(
  server: CallServer,
  call: Call,
  operation: Operation,
  record: Asked,
  parsed: ScannedJson,
): ParsedRequest | Promise<ParsedRequest> {
  const isByModel = call.params["idOrName"] === undefined;
  const persona = isByModel ? personaInModel(parsed.body["model"]) : undefined;
  if (persona === undefined) return parsed;
  record.asks(String(parsed.body["model"]));
  const { snapshot } = server.catalogue;
  return toPersona(parsed, operation, findPersona(snapshot, call.principal, persona), snapshot);
}

/** Returns the name of an llm, by which rights are decided; the id itself if the caller may not run the llm. */
function nameOf(server: CallServer, principal: Principal, idOrName: string): string {
  const row = server.catalogue.snapshot.byId.get(idOrName);
  if (row?.kind !== "llm") return idOrName;
  return decide(principal, "run", "llms", row.name, row) === "allow" ? row.name : idOrName;
}

/** Returns the models that the caller may run, as a list of models shows them to this client. */
async function models({ catalogue: { snapshot } }: CallServer, call: Call): Promise<Response> {
  const { principal, request } = call;
  const listed = await listedModels(snapshot, principal);
  const shown = request.headers.has("anthropic-version") ? withMakersNames(listed) : listed;
  const lists = {
    data: listPieces(shown, modelEntry),
    ...(isCodex(call) && { models: listPieces(shown, codexModel) }),
  };
  return longResponse(objectPieces(modelListFields(shown), lists));
}

async function one(
  { catalogue: { snapshot } }: CallServer,
  { principal }: Call,
  id: string,
): Promise<object> {
  const bare = bareName(id);
  const found = listedModel(snapshot, principal, id);
  if (found) return modelEntry(found);
  const named = bare === id ? undefined : listedModel(snapshot, principal, bare);
  if (named) return modelEntry(withMakersName(named));
  const listed = await listedModels(snapshot, principal);
  const agent = personaInModel(id);
  const hint = didYouMean(
    id,
    listed.map((one) => one.id),
  );
  throw new AppError("not_found", `${agent === undefined ? "llm" : "agent"} "${agent ?? id}" not found`, {
    ...(hint && { hint }),
  });
}

/** True for Codex, which names its version when it asks for the list. */
function isCodex({ query, request }: Call): boolean {
  return query.has("client_version") || /^codex/i.test(request.headers.get("user-agent") ?? "");
}
