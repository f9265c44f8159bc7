import type { TSchema } from "@sinclair/typebox";
import { AppError, errorBody } from "../../errors.ts";
import type { Action } from "../../kinds/operations.ts";
import { operations } from "../../wire/dialects/operations.ts";
import { grantWords, lacksRight } from "../core/access/forbidden.ts";
import { mayHold, type Right } from "../core/access/parts.ts";
import { mayRun, nobody, type Principal } from "../core/access/policy.ts";
import type { BodyBudget } from "../core/body-budget.ts";
import { MainThreadCall } from "../core/main-thread-call.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { StoreError } from "../core/store/types.ts";
import type { LoggedRequest } from "../observability/access-log.ts";
import { maxBodyBytes, maxObjectBytes, maxPublicBodyBytes } from "./body.ts";
import { BodyMemory } from "./body-memory.ts";
import { errorBodyAt } from "./error-shape.ts";

/**
 * The right that a route needs. `public` needs no bearer, `authenticated` any valid one. A verb must be held on the
 * resource, or on some row of it, before the body is read; the handler then asks `decide` about the rows. With `or`, one
 * of those rights is enough.
 */
export type Access = "public" | "authenticated" | Right | { action: Action };

/** The listener that a request came to. Processes that can open the Unix socket act as the administrator. */
export type Peer = "tcp" | "unix";

/** A HEAD request, which is routed as the GET request of the same path. */
export class HeadRequest extends Request {}

/** One request to one route. */
export class Call {
  readonly request: Request;
  readonly requestId: string;
  readonly peer: Peer;
  /** Parameters of the path, decoded once. */
  readonly params: Readonly<Record<string, string>>;
  /** The most bytes of its body. */
  readonly maxBodyBytes: number;
  /** The caller; on a public route `nobody`. */
  readonly principal: Principal;
  /** The memory of a large body. */
  readonly body: BodyMemory;
  /** Throws AppError if the caller has other rights by now than when the request began. */
  readonly recheck: () => void;

  constructor(
    { request, requestId, peer, params }: IncomingRequest,
    principal: Principal,
    maxBodyBytes: number,
    bodies: BodyBudget,
    recheck: () => void,
  ) {
    this.recheck = recheck;
    this.body = new BodyMemory(bodies, principal.userId, request);
    this.request = request;
    this.requestId = requestId;
    this.peer = peer;
    this.params = params;
    this.principal = principal;
    this.maxBodyBytes = maxBodyBytes;
  }

  /** True for a HEAD request. It gets the headers of a stream, which must not begin: that has effects. */
  get isHead(): boolean {
    return this.request instanceof HeadRequest;
  }

  get query(): URLSearchParams {
    const { url } = this.request;
    const start = url.indexOf("?");
    return new URLSearchParams(start < 0 ? "" : url.slice(start));
  }
}

/** One method of one path, and its handler. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** The pattern for the router: `/api/v1/llms/:idOrName`. */
  path: string;
  access: Access;
  /** One sentence for the API description. */
  summary: string;
  /** Query parameters with their descriptions, for the API description. */
  query?: Readonly<Record<string, string>>;
  /** Schema of the body, for the API description. */
  body?: TSchema;
  /** Schema of the response, for the API description. */
  response?: TSchema;
  /** Status of a success, for the API description; 200 if not given. */
  status?: number;
  /** The most bytes of a body; 4 MB if not given, 32 MB for calls of models. A public route never takes more than 8 KB. */
  maxBodyBytes?: number;
  /**
   * Set on a route that refuses its method with 405: the methods that the path takes, for the `Allow` header. Such a
   * route is not in the API description.
   */
  allow?: string;
  /** Set on a route whose handler records every call, also one that it refuses. */
  recordsCalls?: true;
  /** Set on a route that takes the access tokens of MCP clients. To all other routes they are no bearers. */
  takesClients?: true;
  /** Set on a route that is not in the API description: another spelling of one that is. */
  isUndocumented?: true;
  /** Returns the header `www-authenticate` of a 401; `Bearer` if not given. */
  challenge?(request: Request, params: Call["params"]): string;
  handle(call: Call): Response | Promise<Response>;
}

/** Returns the principal of a request to a route; undefined without a valid bearer. */
export type Authenticate = (request: Request, route: Pick<Route, "takesClients">) => Principal | undefined;

/** Logs an error that is a defect. The caller gets a fixed text instead. */
export type LogUnexpected = (error: unknown, requestId: string) => void;

/** A request before its principal is known. */
export type IncomingRequest = Pick<Call, "request" | "requestId" | "peer" | "params"> & {
  /** Is filled in for the access log, if there is one. */
  facts: RequestFacts | undefined;
};

/** Facts about a request that are found out while it is handled. */
export type RequestFacts = Pick<LoggedRequest, "user" | "error"> & {
  /** The time at which the request came, on a monotonic clock in milliseconds. */
  readonly startedAt: number;
};

/** The parts of the server that `respond` uses. */
export interface RespondOptions {
  authenticate: Authenticate;
  logUnexpected: LogUnexpected;
  /** Called with each response, before it is sent. */
  onResponse(response: Response, incoming: IncomingRequest): void;
  /** Called for a request that the rights of its principal do not allow, unless its handler records it. */
  onDenied(route: Route, incoming: IncomingRequest, principal: Principal): void;
  /** The memory for large bodies. */
  bodies: BodyBudget;
  /** Returns a function that throws AppError if a principal has other rights by then than now. */
  recheckOf(principal: Principal): () => void;
}

/**
 * Handles one request: checks the bearer, then the right to the route, then calls its handler. Throws nothing but
 * `MainThreadCall`, in a worker.
 */
export async function respond(
  route: Route,
  incoming: IncomingRequest,
  { authenticate, logUnexpected, onResponse, onDenied, bodies, recheckOf }: RespondOptions,
): Promise<Response> {
  let response: Response;
  let call: Call | undefined;
  let principal: Principal | undefined;
  try {
    principal = route.access === "public" ? nobody : authenticated(authenticate(incoming.request, route));
    if (incoming.facts && principal !== nobody) incoming.facts.user = principal.userName;
    admit(route.access, principal);
    // Calls of models check it themselves before each attempt, and record it.
    const isChecked = principal !== nobody && !route.recordsCalls;
    const recheck = isChecked ? recheckOf(principal) : unchecked;
    call = new Call(incoming, principal, bodyLimit(route), bodies, recheck);
    response = await route.handle(call);
    nameRequest(response, incoming.requestId, route.path);
  } catch (error) {
    if (error instanceof MainThreadCall) throw error;
    response = errorResponse(error, incoming.requestId, route.path, logUnexpected);
    const isDenied = error instanceof AppError && error.code === "forbidden" && !(call && route.recordsCalls);
    if (isDenied && principal && principal !== nobody) onDenied(route, incoming, principal);
    if (incoming.facts) incoming.facts.error = publicError(error).code;
    if (route.allow !== undefined) response.headers.set("allow", route.allow);
    if (route.challenge && response.status === 401)
      response.headers.set("www-authenticate", route.challenge(incoming.request, incoming.params));
  }
  call?.body.answered();
  onResponse(response, incoming);
  return response;
}

const unchecked = () => {};

function bodyLimit({ access, recordsCalls, maxBodyBytes: own }: Route): number {
  if (access === "public") return maxPublicBodyBytes;
  return own ?? (recordsCalls ? maxBodyBytes : maxObjectBytes);
}

function authenticated(principal: Principal | undefined): Principal {
  if (principal) return principal;
  throw new AppError("unauthenticated", "log in, or send a valid token", { hint: "mcpctl login" });
}

/** Throws AppError `forbidden` if a principal may not use a route. */
function admit(access: Access, principal: Principal): void {
  if (typeof access === "string" || holds(principal, access)) return;
  if ("action" in access) throw lacksRight(`run ${access.action}`, `run ${access.action}`);
  throw lacksRight(`${access.verb} ${access.resource}`, grantWords(access.verb, access.resource));
}

/** The rights of principals to routes. A principal and its policies never change: the next snapshot has another one. */
const heldBy = oncePerObject((_: Principal) => new Map<Access, boolean>());

function holds(principal: Principal, access: Exclude<Access, string>): boolean {
  const known = heldBy(principal);
  let isHeld = known.get(access);
  if (isHeld === undefined) {
    isHeld = "action" in access ? mayRun(principal, access.action) : mayHold(principal, access);
    known.set(access, isHeld);
  }
  return isHeld;
}

/** Sets the id of a request in its response. Anthropic's SDKs read it from a header of another name. */
function nameRequest({ headers }: Response, requestId: string, path: string): void {
  headers.set("x-request-id", requestId);
  if (path.startsWith(operations.messages.path)) headers.set("request-id", requestId);
}

/** Returns the error that a caller may see for anything thrown. A defect becomes `internal`, with a fixed text. */
export function publicError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof StoreError) return storeFailure(error);
  return new AppError("internal", "something went wrong in the server", {
    hint: "see the log of the server",
  });
}

/** Returns the response for anything thrown. */
export function errorResponse(
  thrown: unknown,
  requestId: string,
  path: string,
  logUnexpected: LogUnexpected,
): Response {
  const error = publicError(thrown);
  if (error.code === "internal") logUnexpected(thrown, requestId);
  let response: Response;
  try {
    response = Response.json(errorBodyAt(path, error, requestId), { status: error.status });
  } catch (defect) {
    // Otherwise the router would answer with the text of the defect.
    logUnexpected(defect, requestId);
    response = Response.json(errorBody(publicError(defect), requestId), { status: 500 });
  }
  for (const [name, value] of Object.entries(error.provider?.headers ?? {}))
    response.headers.set(name, value);
  nameRequest(response, requestId, path);
  if (error.retryAfter !== undefined)
    response.headers.set("retry-after", String(Math.ceil(error.retryAfter)));
  if (error.status === 401) response.headers.set("www-authenticate", "Bearer");
  return response;
}
