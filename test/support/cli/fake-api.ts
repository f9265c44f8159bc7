import { afterEach } from "vitest";
import type { Resource } from "../../../src/kinds/define.ts";
import { kinds } from "../../../src/kinds/index.ts";

/** A server and what it was requests: `GET /api/v1/llms?watch=1`. */
export interface FakeApi {
  url: string;
  requests: string[];
  /** The bearer of each call, in the same order; "" for none. */
  tokens: string[];
  bodies: unknown[];
  stop(): Promise<void>;
}

type Answer = unknown | Response | ((request: Request) => unknown);

const running: FakeApi[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

/**
 * A server that answers as the API does: `answers` by method and path (`GET /api/v1/llms/claude`), 404 for the rest.
 * Plain data go out as JSON, undefined as 204.
 */
export function fakeApi(answers: Record<string, Answer>, options: { unix?: string } = {}): FakeApi {
  const answering: FakeApi = {
    url: "",
    requests: [],
    tokens: [],
    bodies: [],
    stop: () => server.stop(true),
  };
  const handle = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    answering.requests.push(`${request.method} ${pathname}${search}`);
    answering.tokens.push(request.headers.get("authorization")?.replace("Bearer ", "") ?? "");
    answering.bodies.push(request.body ? await request.json() : undefined);
    const answer = answers[`${request.method} ${pathname}`];
    if (answer === undefined && !(`${request.method} ${pathname}` in answers))
      return failure(404, "not_found", "no such thing");
    const value = typeof answer === "function" ? await answer(request) : answer;
    if (value instanceof Response) return value;
    return value === undefined ? new Response(null, { status: 204 }) : Response.json(value);
  };
  const server = options.unix
    ? Bun.serve({ unix: options.unix, fetch: handle })
    : Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: handle });
  answering.url = options.unix ? `unix://${options.unix}` : `http://127.0.0.1:${server.port}`;
  running.push(answering);
  return answering;
}

/** An error as the API puts it. */
export function failure(status: number, code: string, error: string, more: object = {}): Response {
  return Response.json({ error, code, requestId: "r1", ...more }, { status });
}

/** Objects as the API lists them. Everything the server sets is there. */
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

/** Answers for a catalogue of these llms. */
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
