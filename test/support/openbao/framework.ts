import { decodeFields, type Fields, type Schema } from "./decode.ts";
import {
  type Data,
  failure,
  type LogicalRequest,
  type LogicalResponse,
  type Operation,
  Refusal,
} from "./logical.ts";

/** Does one operation. No response means 404 for a read or a list, else 204. Throws a Refusal. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that only writes returns nothing
export type Handler = (request: LogicalRequest, fields: Fields) => LogicalResponse | undefined | void;

/** Paths of a backend with the same handlers. */
export interface Path {
  /** Matches the path below the mount. Its named groups are fields. */
  pattern: RegExp;
  fields?: Schema;
  operations: Partial<Record<Operation, Handler>>;
  /** Returns true if a write is an `update`, not a `create`. Absent if every write is an `update`. */
  exists?: (fields: Fields, request: LogicalRequest) => boolean;
}

/** An engine, an auth method, or `sys`. */
export interface Backend {
  /** The first path that matches is used. */
  paths: Path[];
  /** Paths that need `sudo` as well; `*` at the end matches any rest. */
  sudo?: readonly string[];
  /** Paths that need no token. */
  open?: readonly string[];
  /** Returns the entity of a login, which is locked after some failures. Throws a Refusal if there is none. */
  loginAs?: (request: LogicalRequest) => string;
}

/** Pattern of a name in a path. */
export const name = "\\w(?:[\\w.-]*\\w)?";

/** Returns true if a write to the path is an `update`; undefined if the path does not distinguish. Throws a Refusal for bad fields. */
export function alreadyThere(backend: Backend, request: LogicalRequest): boolean | undefined {
  const found = find(backend, request);
  if (found?.path.exists === undefined) return undefined;
  try {
    return found.path.exists(decodeFields(found.path.fields ?? {}, found.raw), request);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
}

/** Calls the backend's handler of a request. Throws a Refusal if there is none, or if the handler does. */
export function dispatch(backend: Backend, request: LogicalRequest): LogicalResponse | undefined {
  const found = find(backend, request);
  if (found === undefined) throw failure(404, "unsupported path");
  const { path, raw, captured } = found;
  const handler = path.operations[request.operation];
  if (handler === undefined) throw failure(405, "unsupported operation");
  const fields = decodedOrRefused(path.fields ?? {}, raw);
  const response = handler(request, fields) ?? undefined;
  // A response with its own status is sent unchanged.
  if (response === undefined || response.status !== undefined) return response;
  const ignored = Object.keys(request.data).filter((one) => !Object.hasOwn(path.fields ?? {}, one));
  const replaced = captured.filter((one) => request.data[one] != null);
  const more = [
    ...(ignored.length > 0
      ? [`Endpoint ignored these unrecognized parameters: [${ignored.sort().join(" ")}]`]
      : []),
    ...(replaced.length > 0
      ? [
          `Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${replaced.join(" ")}]`,
        ]
      : []),
  ];
  return { ...response, warnings: [...(response.warnings ?? []), ...more] };
}

function decodedOrRefused(schema: Schema, raw: Data): Fields {
  try {
    return decodeFields(schema, raw);
  } catch (error) {
    throw new Refusal(400, `Field validation failed: ${(error as Error).message}`);
  }
}

function find(backend: Backend, request: LogicalRequest) {
  for (const path of backend.paths) {
    const match = path.pattern.exec(request.path);
    if (match === null) continue;
    const captured = Object.entries(match.groups ?? {}).map(([one, value]) => [one, value ?? ""] as const);
    return {
      path,
      captured: captured.map(([one]) => one),
      raw: Object.fromEntries([...Object.entries(request.data), ...captured]),
    };
  }
  return undefined;
}

/** True if a path matches one of the patterns, of which some end with `*`. */
export function among(patterns: readonly string[] | undefined, path: string): boolean {
  return (patterns ?? []).some((pattern) =>
    pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern,
  );
}
