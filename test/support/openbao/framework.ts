import { decodeFields, type Fields, type Schema } from "./decode.ts";
import {
  type Data,
  failure,
  type LogicalRequest,
  type LogicalResponse,
  type Operation,
  Refusal,
} from "./logical.ts";

/** Does one operation. Nothing is a 404 for a read or a list, else 204; a Refusal is thrown. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that only writes returns nothing
export type Handler = (request: LogicalRequest, fields: Fields) => LogicalResponse | undefined | void;

/** Some paths of a backend that go to the same handlers. */
export interface Path {
  /** All of the path below the mount; its named groups are fields. */
  pattern: RegExp;
  fields?: Schema;
  operations: Partial<Record<Operation, Handler>>;
  /** Tells `create` from `update`; without it every write is an `update`. */
  exists?: (fields: Fields, request: LogicalRequest) => boolean;
}

/** What is mounted somewhere: an engine, an auth method, `sys`. */
export interface Backend {
  /** The first that matches is taken. */
  paths: Path[];
  /** Paths that need `sudo` besides; `*` at the end is any rest. */
  sudo?: readonly string[];
  /** Paths that need no token. */
  open?: readonly string[];
  /** Whom a login is for: after some that failed nobody may log in as that one. Throws a Refusal for nobody. */
  loginAs?: (request: LogicalRequest) => string;
}

/** A name as it stands in a path. */
export const name = "\\w(?:[\\w.-]*\\w)?";

/** Whether a write to the path is an `update`; undefined where that is not asked. Throws a Refusal for bad fields. */
export function alreadyThere(backend: Backend, request: LogicalRequest): boolean | undefined {
  const found = find(backend, request);
  if (found?.path.exists === undefined) return undefined;
  try {
    return found.path.exists(decodeFields(found.path.fields ?? {}, found.raw), request);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
}

/** Hands a request to the backend's handler for it. Throws a Refusal where there is none, or from it. */
export function dispatch(backend: Backend, request: LogicalRequest): LogicalResponse | undefined {
  const found = find(backend, request);
  if (found === undefined) throw failure(404, "unsupported path");
  const { path, raw, captured } = found;
  const handler = path.operations[request.operation];
  if (handler === undefined) throw failure(405, "unsupported operation");
  const fields = decodedOrRefused(path.fields ?? {}, raw);
  const response = handler(request, fields) ?? undefined;
  // One with a status of its own goes out as it is.
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

/** Whether a path is among these, of which some end in `*`. */
export function among(patterns: readonly string[] | undefined, path: string): boolean {
  return (patterns ?? []).some((pattern) =>
    pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern,
  );
}
