import { AppError } from "../../errors.ts";
import { dialectAt, modelsPath, operationNames, operations } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";

/** Paths of other APIs, and of parts of these APIs that are not served, with what a caller can do instead. */
const elsewhere: readonly (readonly [path: RegExp, hint: string])[] = [
  [/^\/v1\/uploads(?:\/|$)/, "files are uploaded whole, with POST /v1/files"],
  [
    /^\/v1\/responses\/compact(?:\/|$)/,
    "send the whole conversation with each call; clients that compact ask a model for a summary",
  ],
  [
    /^\/v1\/(?:assistants|threads|vector_stores|containers|fine_tuning|evals|skills|chatkit)(?:\/|$)/,
    "what the provider would keep under the key of the llm is not served",
  ],
  [/^\/v1\/realtime(?:\/|$)/, "calls by WebSocket or WebRTC are not served"],
  [
    /^\/v1(?:beta\w*|\/models\/[^/]+:)/,
    "Gemini's own API is not served; use OpenAI's or Anthropic's dialect",
  ],
  [/\/mcp\/+$/, "the path for MCP clients ends with /mcp, without a slash behind it"],
  [
    /^\/api\/(?:chat|generate|tags|show|embed|embeddings|ps|version)$/,
    "Ollama's own API is not served; use OpenAI's",
  ],
];

const callPaths = [...operationNames.map((operation) => operations[operation].path), modelsPath];
/** The end of a path that looks like one of a call, behind another base URL: `/chat/completions`. */
const callEnd = new RegExp(`(?:${callPaths.map((path) => path.slice("/v1".length)).join("|")})(?=/*$)`);

/** Returns the dialect of the clients that use a path, if it looks like one of a call; undefined for any other path. */
export function dialectOf(path: string): Dialect | undefined {
  const end = callEnd.exec(path)?.[0];
  if (end === undefined || (path.startsWith("/api/v1/") && path !== `/api/v1${end}`))
    return path.startsWith("/v1/") ? dialectAt(path) : undefined;
  return dialectAt(`/v1${end}`);
}

/**
 * Returns a function that makes the error for a request that reaches no route. Other methods of a path are named for
 * calls of models only.
 */
export function unknownPaths(
  routes: readonly { method: string; path: string; isUndocumented?: true }[],
): (method: string, path: string, origin: string) => { error: AppError; allow?: string } {
  const served = routes.filter(({ path }) => /^\/v\d/.test(path));
  const patterns = served.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${path.replace(/:\w+/g, "[^/]+").replace(/\*$/, ".+")}$`),
  }));
  const documented = served.filter((route) => !route.isUndocumented);
  const list = [...new Set(documented.map(({ path }) => path))].filter((path) => path !== "/v1").join(", ");
  return (method, path, origin) => {
    const known = elsewhere.find(([pattern]) => pattern.test(path));
    const taken = known ? [] : patterns.filter(({ pattern }) => pattern.test(path));
    // A path that the method takes is here because it is written in another way.
    if (taken.length > 0 && !taken.some((one) => one.method === method)) {
      const allow = taken.map((one) => (one.method === "GET" ? "GET, HEAD" : one.method)).join(", ");
      return { error: new AppError("method_not_allowed", `${path} takes ${allow}, not ${method}`), allow };
    }
    const hint =
      known?.[1] ?? baseHint(path, origin) ?? (path.startsWith("/v1/") ? `calls: ${list}` : undefined);
    const options = hint === undefined ? {} : { hint };
    return { error: new AppError("not_found", "there is nothing at this path", options) };
  };
}

/** Returns the advice for a client with another base URL, or with a slash at the end of its path. */
function baseHint(path: string, origin: string): string | undefined {
  if (!callEnd.test(path)) return undefined;
  const dialect = dialectOf(path);
  if (dialect === undefined) return undefined;
  if (dialect === "messages") return `the base URL of Anthropic's clients is ${origin}`;
  return `the base URL of OpenAI's clients is ${origin}/v1, without a slash at the end`;
}
