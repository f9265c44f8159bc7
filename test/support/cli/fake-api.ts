import { afterEach } from "vitest";
import type { Resource } from "../../../src/kinds/define.ts";
import { kinds } from "../../../src/kinds/index.ts";

/** A fake server and the requests that it has received. */
export interface FakeApi {
  url: string;
  /** `GET /api/v1/llms?watch=1` */
  requests: string[];
  /** The token of each request, in the same order; "" for none. */
  tokens: string[];
  bodies: unknown[];
  stop(): Promise<void>;
}

type FakeResponse = unknown | Response | ((request: Request, body: unknown) => unknown);

const running: FakeApi[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

/**
 * Starts a server with fixed responses by method and path (`GET /api/v1/llms/claude`), and 404 for all others. Data are
 * sent as JSON, undefined as 204. It stops after the test.
 */
export function fakeApi(responses: Record<string, FakeResponse>, options: { unix?: string } = {}): FakeApi {
  const api: FakeApi = {
    url: "",
    requests: [],
    tokens: [],
    bodies: [],
    stop: () => server.stop(true),
  };
  const handle = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    api.requests.push(`${request.method} ${pathname}${search}`);
    api.tokens.push(request.headers.get("authorization")?.replace("Bearer ", "") ?? "");
    const body = request.body ? await request.json() : undefined;
    api.bodies.push(body);
    const response = responses[`${request.method} ${pathname}`];
    if (response === undefined && !(`${request.method} ${pathname}` in responses))
      return failure(404, "not_found", "no such thing");
    const value = typeof response === "function" ? await response(request, body) : response;
    if (value instanceof Response) return value;
    return value === undefined ? new Response(null, { status: 204 }) : Response.json(value);
  };
  const server = options.unix
    ? Bun.serve({ unix: options.unix, fetch: handle })
    : Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: handle });
  api.url = options.unix ? `unix://${options.unix}` : `http://127.0.0.1:${server.port}`;
  running.push(api);
  return api;
}

/** The API's response for an error. */
export function failure(status: number, code: string, error: string, more: object = {}): Response {
  return Response.json({ error, code, requestId: "r1", ...more }, { status });
}

/** Objects as the API lists them, with the fields that the server sets. */
export function rows(kind: string, ...objects: ({ name: string } & Record<string, unknown>)[]): Resource[] {
  const prefix = kinds.find((known) => known.kind === kind)!.idPrefix;
  return objects.map((object, i) => ({
    id: `${prefix}_${String(i + 1).padStart(26, "0")}`,
    version: 1,
    createdAt: "2026-11-21T11:00:00Z",
    updatedAt: "2026-11-21T11:30:00Z",
    ...object,
  }));
}

/** The identity of a user, as whoami returns it. */
export const alice = {
  kind: "User",
  user: "alice",
  groups: ["friends"],
  admin: false,
  expiresAt: "2026-12-21T12:00:00Z",
};

export const llms = rows(
  "llm",
  {
    name: "claude",
    type: "anthropic",
    model: "claude-sonnet-5",
    url: "",
    tier: "heavy",
    description: "For hard questions",
    apiKeyRef: { name: "anthropic", key: "api-key" },
    extraConfig: {},
    visibility: "public",
    origin: "static",
    status: "active",
    lastSeenAt: null,
    owner: "admin",
  },
  {
    name: "qwen-alice",
    type: "vllm",
    model: "Qwen/Qwen2.5-7B-Instruct",
    url: "http://10.0.0.7:8000",
    tier: "fast",
    description: "",
    apiKeyRef: null,
    timeouts: { connect: 5 },
    limits: { maxConcurrent: 4 },
    allowModelOverride: true,
    extraConfig: {
      headers: { "x-api-key": "zzz" },
      note: "sk-ant-0123456789abcdef0123",
    },
    poolName: "qwen",
    visibility: "private",
    origin: "virtual",
    status: "hibernating",
    lastSeenAt: "2026-11-21T11:58:00Z",
    owner: "alice",
  },
);

/** Responses of a catalogue with these llms. */
export function catalogueResponses() {
  return {
    "GET /api/v1/llms": llms,
    ...Object.fromEntries(llms.map((llm) => [`GET /api/v1/llms/${llm.name}`, llm])),
    "GET /api/v1/llms/claude/members": {
      poolName: "claude",
      explicit: false,
      size: 1,
      activeCount: 1,
      members: [llms[0]],
    },
    "GET /api/v1/llms/qwen-alice/members": {
      poolName: "qwen",
      explicit: true,
      size: 2,
      activeCount: 1,
      members: [{ ...llms[1], id: "llm_other", name: "qwen-bob", status: "active" }, llms[1]],
    },
  };
}
