import { isOffline, pageHalf, reconnects, session } from "./session.ts";

/** An answer of the server that is no success, or no answer at all (`unreachable`). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;

  constructor(message: string, code: string, status: number, hint?: string, requestId?: string) {
    super(message);
    this.code = code;
    this.status = status;
    this.hint = hint;
    this.requestId = requestId;
  }
}

export interface PageRequest {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/**
 * Sends a request with the session of this page.
 *
 * @throws ApiError unless the answer is a success
 */
export async function send(path: string, options: PageRequest = {}): Promise<Response> {
  const { method = "GET", body, signal, headers } = options;
  const half = pageHalf();
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        ...headers,
        ...(half !== undefined && { "x-mcpctl-page": half }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    isOffline.value = true;
    throw new ApiError("the server cannot be reached", "unreachable", 0, "the page tries again by itself");
  }
  if (isOffline.value) {
    isOffline.value = false;
    reconnects.value++;
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401 && session.value.state === "in")
    session.value = { state: "out", reason: "Your session has ended. Sign in again to go on." };
  throw error;
}

/** Sends a request and returns the JSON of its answer; undefined for one without a body. */
export async function request<T>(path: string, options?: PageRequest): Promise<T> {
  const response = await send(path, options);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const id = headers.get("x-request-id") ?? undefined;
  try {
    const body = await response.json();
    // Calls of models have the error in an object, the rest of the API has it beside the code.
    if (typeof body.error === "object")
      return new ApiError(
        String(body.error.message),
        String(body.error.code ?? body.error.type),
        status,
        undefined,
        id,
      );
    return new ApiError(String(body.error), String(body.code), status, body.hint, body.requestId ?? id);
  } catch {
    return new ApiError(`the server answered ${status}`, "unexpected", status, undefined, id);
  }
}

/** Returns the error that a page can show for anything thrown. */
export function shownError(thrown: unknown): ApiError {
  return thrown instanceof ApiError ? thrown : new ApiError(String(thrown), "page", 0);
}
