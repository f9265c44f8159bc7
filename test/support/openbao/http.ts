import { parseBody } from "./body.ts";
import { type Core, handle } from "./core.ts";
import { printable, RepeatedValues } from "./decode.ts";
import { health, sealStatus } from "./health.ts";
import { type Data, type LogicalResponse, listed, notHere, type Operation, Refusal } from "./logical.ts";
import { countRequest, type Quotas } from "./quotas.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

const json = { "Content-Type": "application/json" };
const page: WireResponse = {
  status: 200,
  headers: { "Content-Type": "text/html; charset=utf-8" },
  body: "<!DOCTYPE html>\n<title>OpenBao</title>\n",
};
const maxBody = 32 * 1024 * 1024;

/** Paths whose responses have their data at the top as well, for old clients. */
const atTop = /^\/v1\/sys\/(auth|auth\/.*|capabilities-self|mounts|mounts\/.*|policy|policy\/.*)$/;

/** Handles a request, and returns the response of a real server. */
export function answer(core: Core, quotas: Quotas, request: WireRequest): WireResponse {
  const target = request.target.replace(/^https?:\/\/[^/]*/, "");
  const [rawPath = "", query = ""] = splitOnce(target, "?");
  if (/%(?![\da-fA-F]{2})/.test(rawPath))
    return { status: 400, headers: { "Content-Type": "text/plain; charset=utf-8" }, body: "400 Bad Request" };
  const path = decoded(rawPath);
  if (!printable(path)) return { status: 400, headers: {}, body: "" };
  if (request.body.length > maxBody)
    return { status: 413, headers: json, body: errors("http: request body too large") };

  const namespace = request.headers["x-vault-namespace"] ?? "";
  const headers = {
    "Cache-Control": "no-store",
    ...(namespace !== "" && { "X-Vault-Namespace": namespace }),
  };
  const withHeaders = (one: WireResponse): WireResponse => ({
    ...one,
    headers: { ...headers, ...one.headers },
  });
  try {
    if (path.startsWith("/ui")) return withHeaders(page);
    if (path === "/" || path === "/robots.txt") return withHeaders(redirect(request.method, "/ui/", ""));
    if (!path.startsWith("/v1/")) throw new Refusal(404);
    if (path.includes("\uFFFD")) throw new Refusal(500, listed(["string field contains invalid UTF-8"]));
    if (namespace !== "" && /^\/v1\/sys\/(health|seal|unseal|init|step-down)$/.test(path))
      throw new Refusal(400, "operation unavailable in namespaces");
    const values = new URLSearchParams(query);
    const logicalPath = path.slice("/v1/".length);
    const listing = listingOf(request.method, values);
    const full = listing !== undefined && !logicalPath.endsWith("/") ? `${logicalPath}/` : logicalPath;
    countRequest(core, quotas, full);
    const clean = cleanPath(rawPath);
    if (clean !== rawPath) return withHeaders(redirect(request.method, clean, query));
    const special = specialPath(core, request, path, values);
    return withHeaders(special ?? logical(core, request, path, full, listing, values));
  } catch (error) {
    return withHeaders(refused(error));
  }
}

function logical(
  core: Core,
  request: WireRequest,
  path: string,
  full: string,
  listing: "list" | "scan" | undefined,
  values: URLSearchParams,
): WireResponse {
  const operation = listing ?? operationOf(request.method);
  const id = crypto.randomUUID();
  const data = ["update", "patch"].includes(operation)
    ? parseBody(request)
    : queryData(values, request.method === "GET" ? listing : undefined);
  const namespace = request.headers["x-vault-namespace"] ?? "";
  const incoming = { id, operation, path: full, data, token: tokenOf(request), namespace };
  const response = handle(core, incoming);
  if (response?.status !== undefined) return raw(id, response);
  if (response === undefined) {
    if (["read", "header", "list"].includes(operation)) throw new Refusal(404);
    return { status: 204, headers: json, body: "" };
  }
  if (operation === "list" && isEmptyList(response)) throw new Refusal(404);
  if (request.headers["x-vault-wrap-ttl"]) throw notHere("wrapping");
  const body = bodyOf(id, response);
  return {
    status: 200,
    headers: json,
    body: written(atTop.test(path) ? { ...response.data, ...body } : body),
  };
}

function isEmptyList({ data = {}, warnings = [] }: LogicalResponse): boolean {
  return Object.keys(data).length === 0 && warnings.length === 0;
}

function raw(id: string, response: LogicalResponse): WireResponse {
  return {
    status: response.status!,
    headers: json,
    body: response.bare ? "" : JSON.stringify(bodyOf(id, response)),
  };
}

function bodyOf(id: string, { data, auth, leaseDuration = 0, warnings = [] }: LogicalResponse): Data {
  const policies = auth?.token_policies?.length === 0 ? { ...auth, token_policies: undefined } : auth;
  return {
    request_id: id,
    lease_id: "",
    renewable: false,
    lease_duration: leaseDuration,
    data: data ?? null,
    wrap_info: null,
    warnings: warnings.length === 0 ? null : warnings,
    auth: policies ?? null,
  };
}

function written(body: unknown): string {
  return `${JSON.stringify(body)}\n`;
}

function errors(...messages: string[]): string {
  return written({ errors: messages });
}

function refused(error: unknown): WireResponse {
  if (!(error instanceof Refusal)) {
    const text = error instanceof Error ? error.stack : String(error);
    return { status: 500, headers: json, body: errors(`the test server failed: ${text}`) };
  }
  return { status: error.status, headers: json, body: error.said ? errors(error.message) : errors() };
}

function operationOf(method: string): Operation {
  if (method === "GET") return "read";
  if (method === "POST" || method === "PUT") return "update";
  if (method === "PATCH" || method === "DELETE") return method.toLowerCase() as "patch" | "delete";
  if (method === "HEAD") return "header";
  if (method === "OPTIONS") return "";
  throw new Refusal(405);
}

/** Returns the operation of a request that may be a list or a scan, by method or query. Throws a Refusal for a bad query. */
function listingOf(method: string, values: URLSearchParams): "list" | "scan" | undefined {
  if (method === "LIST" || method === "SCAN") return method.toLowerCase() as "list" | "scan";
  if (method !== "GET") return undefined;
  const [list, scan] = [flag(values.get("list")), flag(values.get("scan"))];
  if (list && scan) throw new Refusal(400);
  if (!list && !scan) return undefined;
  return list ? "list" : "scan";
}

function flag(value: string | null): boolean {
  if (value === null || value === "") return false;
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw new Refusal(400);
}

/** Returns the data in a query, without the name that makes the request a list. */
function queryData(values: URLSearchParams, listing: string | undefined): Data {
  const names = [...new Set(values.keys())].filter((name) => name !== "help" && name !== listing);
  return Object.fromEntries(
    names.map((name) => {
      const all = values.getAll(name);
      return [name, all.length === 1 ? all[0] : RepeatedValues.from(all)];
    }),
  );
}

function tokenOf({ headers }: WireRequest): string {
  const bearer = /^Bearer (.*)$/.exec(headers["authorization"] ?? "")?.[1] ?? "";
  return headers["x-vault-token"] || bearer.trim();
}

/** Returns a path without `//`, `.` and `..`, unless they are escaped. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  const clean = `/${kept.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

function redirect(method: string, path: string, query: string): WireResponse {
  const location = query === "" ? path : `${path}?${query}`;
  if (method !== "GET" && method !== "HEAD")
    return { status: 307, headers: { Location: location }, body: "" };
  const link = location.replaceAll("&", "&amp;").replaceAll('"', "&#34;");
  return {
    status: 307,
    headers: { "Content-Type": "text/html; charset=utf-8", Location: location },
    body: `<a href="${link}">Temporary Redirect</a>.\n\n`,
  };
}

/** Returns the response of paths that need no token; undefined for others. */
function specialPath(core: Core, { method }: WireRequest, path: string, values: URLSearchParams) {
  if (path === "/v1/sys/health") return health(core, method, values);
  if (path === "/v1/sys/seal-status") {
    if (method !== "GET") throw new Refusal(405);
    return { status: 200, headers: json, body: written(sealStatus(core)) };
  }
  if (["/v1/sys/seal", "/v1/sys/unseal"].includes(path)) throw notHere("sealing but from within a test");
  return undefined;
}

function splitOnce(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(path: string): string {
  const bytes = path.replace(/%([\da-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString();
}
