import type { TSchema } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { Action } from "../../kinds/grants.ts";
import { mayList, mayRun, nobody, type Principal, type Verb } from "../core/access/policy.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { StoreError } from "../core/store/types.ts";
import type { LoggedRequest } from "../observability/access-log.ts";
import { maxBodyBytes, maxPublicBodyBytes } from "./body.ts";
import { errorBodyAt } from "./error-shape.ts";

/**
 * What a route needs. `public` asks nobody who they are. A verb on a resource is the gate before anything is
 * read: held on the kind or on some name of it; which rows, the handler asks `decide`. `or`: held on that resource is
 * enough as well.
 */
export type Access =
  | "public"
  | "authenticated"
  | { verb: Verb; resource: string; or?: string }
  | { action: Action };

/** How a request came in. Who can open the Unix socket is the administrator of this host. */
export type Peer = "tcp" | "unix";

/** One request to one route. */
export class Call {
  readonly request: Request;
  readonly requestId: string;
  readonly peer: Peer;
  /** Decoded once, from the matched path. */
  readonly params: Readonly<Record<string, string>>;
  /** Bytes that its body may have. */
  readonly maxBodyBytes: number;
  /** Who asks; on a public route nobody, who holds nothing. */
  readonly principal: Principal;

  constructor({ request, requestId, peer, params }: Asked, principal: Principal, maxBodyBytes: number) {
    this.request = request;
    this.requestId = requestId;
    this.peer = peer;
    this.params = params;
    this.principal = principal;
    this.maxBodyBytes = maxBodyBytes;
  }

  get query(): URLSearchParams {
    const { url } = this.request;
    const start = url.indexOf("?");
    return new URLSearchParams(start < 0 ? "" : url.slice(start));
  }
}

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** As the router reads it: `/api/v1/llms/:idOrName`. */
  path: string;
  access: Access;
  /** The rest is for the API description. */
  summary: string;
  query?: Readonly<Record<string, string>>;
  body?: TSchema;
  answer?: TSchema;
  /** Bytes that the body may have; 32 MB when not given. A public route never takes more than 8 KB. */
  maxBodyBytes?: number;
  /** Of a success; 200 when not given. */
  status?: number;
  /**
   * Set on a route that refuses its method with 405: the methods that the path takes, for the `Allow` header. Such a
   * route is not in the API description.
   */
  allow?: string;
  handle(call: Call): Response | Promise<Response>;
}

/** How a request is told who sent it; undefined when it does not say, or says what is not true (any more). */
export type Authenticate = (request: Request) => Principal | undefined;

/** What went wrong that nobody meant to: logged, never told. */
export type Unexpected = (error: unknown, requestId: string) => void;

/** One request, before it is known who asks. */
export type Asked = Pick<Call, "request" | "requestId" | "peer" | "params"> & {
  /** Filled in for the access log, where there is one. */
  facts?: RequestFacts;
};

/** What is learnt of a request while it is answered. */
export type RequestFacts = Pick<LoggedRequest, "user" | "error">;

/** Answers one request: who asks, whether they may, and only then what it is about. */
export async function answer(
  route: Route,
  asked: Asked,
  authenticate: Authenticate,
  unexpected: Unexpected,
): Promise<Response> {
  try {
    const principal = route.access === "public" ? nobody : admit(route.access, authenticate(asked.request));
    if (asked.facts && principal !== nobody) asked.facts.user = principal.userName;
    const response = await route.handle(new Call(asked, principal, bodyLimit(route)));
    response.headers.set("x-request-id", asked.requestId);
    return response;
  } catch (error) {
    if (asked.facts) asked.facts.error = toldOf(error).code;
    const response = failure(error, asked.requestId, route.path, unexpected);
    if (route.allow !== undefined) response.headers.set("allow", route.allow);
    return response;
  }
}

function bodyLimit({ access, maxBodyBytes: own = maxBodyBytes }: Route): number {
  return access === "public" ? maxPublicBodyBytes : own;
}

/** Throws AppError `unauthenticated` or `forbidden` unless somebody may use a route. */
function admit(access: Exclude<Access, "public">, principal: Principal | undefined): Principal {
  if (!principal)
    throw new AppError("unauthenticated", "log in, or send a valid token", { hint: "mcpctl login" });
  if (access === "authenticated") return principal;
  if (holds(principal, access)) return principal;
  throw new AppError(
    "forbidden",
    `you may not ${"action" in access ? `run ${access.action}` : `${access.verb} ${access.resource}`}`,
  );
}

function holds(principal: Principal, access: Exclude<Access, string>): boolean {
  if ("action" in access) return mayRun(principal, access.action);
  const { verb, resource, or } = access;
  return mayList(principal, verb, resource) || (or !== undefined && mayList(principal, verb, or));
}

/** What a caller is told of anything thrown. */
export function toldOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof StoreError) return storeFailure(error);
  return new AppError("internal", "something went wrong in the server", { hint: "its log says more" });
}

/** The response for anything thrown. What is not an AppError is a fixed text, whatever it holds. */
export function failure(error: unknown, requestId: string, path: string, unexpected: Unexpected): Response {
  const told = toldOf(error);
  if (told.code === "internal") unexpected(error, requestId);
  const response = Response.json(errorBodyAt(path, told, requestId), { status: told.status });
  response.headers.set("x-request-id", requestId);
  if (told.retryAfter !== undefined) response.headers.set("retry-after", String(Math.ceil(told.retryAfter)));
  if (told.status === 401) response.headers.set("www-authenticate", "Bearer");
  return response;
}
