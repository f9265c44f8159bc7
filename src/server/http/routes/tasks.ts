import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { validate } from "../../../kinds/validate.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { InferenceTask, TaskFacts } from "../../core/store/task-store.ts";
import { type ListedTask, taskDialects } from "../../inference/tasks/single-tasks.ts";
import { readText } from "../body.ts";
import { wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { textStream } from "../text-stream.ts";

const access = { verb: "run", resource: "llms", or: [{ verb: "run", resource: "agents" }] } as const;

/** The most bytes of a request: it is parsed as a whole (T248). */
const mostBytes = 16 * 1024 * 1024;
const mostListed = 1000;
const usuallyListed = 100;
/** The longest wait for a task, in seconds. */
const longestWait = 60;

const Time = Type.String({ format: "date-time" });
const input = Type.Object(
  {
    llm: Type.String({ minLength: 1, maxLength: 200, description: "An llm, pool, alias, or agent:NAME" }),
    request: Type.Record(Type.String(), Type.Unknown(), { description: "The body of the call" }),
    dialect: Type.Optional(Type.Union(taskDialects.map((name) => Type.Literal(name)))),
    priority: Type.Optional(
      Type.Integer({ minimum: -100, maximum: 100, description: "Higher ones go first" }),
    ),
    notBefore: Type.Optional(Time),
    deadline: Type.Optional(Time),
    idempotencyKey: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    idempotent: Type.Optional(
      Type.Boolean({ description: "Send it again, too, where a part of a streamed answer was there" }),
    ),
  },
  { additionalProperties: false },
);

const nullable = (of: ReturnType<typeof Type.String>) => Type.Union([of, Type.Null()]);
const listed = Type.Object({
  id: Type.String(),
  type: Type.Union([Type.Literal("task"), Type.Literal("batch")]),
  llm: Type.String(),
  status: Type.String(),
  user: nullable(Type.String()),
  total: Type.Integer(),
  completed: Type.Integer(),
  failed: Type.Integer(),
  createdAt: Type.String(),
  endedAt: nullable(Type.String()),
  deadline: Type.String(),
});

/** Calls that wait until their llm can take them. */
export function taskRoutes(server: Server): Route[] {
  const tasks = () => server.tasks.single;
  return [
    {
      method: "POST",
      path: "/api/v1/inference-tasks",
      access,
      summary: "Make a task: a call that waits until its llm can take it, and outlives a restart",
      status: 202,
      maxBodyBytes: mostBytes,
      body: input,
      handle: async (call) => {
        const made = await tasks().create(call.principal, await newTaskOf(server, call));
        return Response.json(factsView(server, made), { status: 202 });
      },
    },
    {
      method: "GET",
      path: "/api/v1/inference-tasks",
      access,
      summary: "List the caller's own tasks and batches, the newest first; administrators see all of them",
      query: { limit: "The most of them, up to 1,000; 100 if not given" },
      response: Type.Array(listed),
      handle: async ({ principal, query }) => {
        const limit = wholeNumberIn(query, "limit") ?? usuallyListed;
        if (limit < 1 || limit > mostListed)
          throw new AppError("invalid_request", `limit must be 1 to ${mostListed}`);
        return Response.json((await tasks().list(principal, limit)).map((one) => listedView(server, one)));
      },
    },
    {
      method: "GET",
      path: "/api/v1/inference-tasks/:id",
      access,
      summary: "Read a task with its answer, or a batch; administrators see those of others without answers",
      query: { wait: "Wait for its end, up to 60s" },
      handle: async ({ principal, params, query, request }) => {
        const seconds = waitIn(query.get("wait"));
        if (isBatch(params)) return Response.json(await batchView(server, principal, params["id"]!));
        const task = await tasks().read(principal, params["id"]!, seconds * 1000, request.signal);
        return Response.json(taskView(server, task));
      },
    },
    {
      method: "GET",
      path: "/api/v1/inference-tasks/:id/stream",
      access,
      summary:
        "Follow the answer of one of the caller's own tasks, as the stream that the call itself would send: what is there, then what comes",
      query: { follow: "0 to end with what is there" },
      handle: async (call) => {
        const isFollowing = call.query.get("follow") !== "0";
        return textStream(
          server,
          call,
          await tasks().follow(call.principal, call.params["id"]!, isFollowing),
        );
      },
    },
    {
      method: "DELETE",
      path: "/api/v1/inference-tasks/:id",
      access,
      summary: "Cancel a task or a batch; one that has ended stays as it is",
      handle: async ({ principal, params }) => {
        const id = params["id"]!;
        if (!isBatch(params)) return Response.json(taskView(server, await tasks().cancel(principal, id)));
        const { batches } = server.tasks;
        const { batch } = await batches.read(principal, id);
        if (batch.endedAt === null) await batches.cancel(principal, id);
        return Response.json(await batchView(server, principal, id));
      },
    },
  ];
}

async function newTaskOf(server: Server, call: Call) {
  // The request inside keeps every byte.
  const { text, scan, body } = await parseCall(await readText(call, server.deadlines), "embeddings");
  const faults = validate(input, body);
  const [first] = faults;
  if (first)
    throw new AppError("invalid_request", `${first.path.slice(1).replaceAll("/", ".")}: ${first.message}`, {
      details: faults,
    });
  const { llm, dialect, priority, notBefore, deadline, idempotencyKey, idempotent } = body as {
    llm: string;
    dialect?: (typeof taskDialects)[number];
    priority?: number;
    notBefore?: string;
    deadline?: string;
    idempotencyKey?: string;
    idempotent?: boolean;
  };
  const { start, end } = scan.members.findLast(({ key }) => key === "request")!;
  return {
    llm,
    request: text.slice(start, end),
    operation: dialect ?? "chat",
    priority: priority ?? 0,
    notBefore: notBefore === undefined ? undefined : Date.parse(notBefore),
    deadline: deadline === undefined ? undefined : Date.parse(deadline),
    idempotencyKey: idempotencyKey ?? "",
    isIdempotent: idempotent ?? false,
  };
}

/** Reads a time such as `60s`. Throws AppError. */
function waitIn(text: string | null): number {
  const [, seconds] = /^(\d{1,2})s?$/.exec(text ?? "0") ?? [];
  if (seconds !== undefined && Number(seconds) <= longestWait) return Number(seconds);
  throw new AppError("invalid_request", "wait must be up to 60s");
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function userOf({ catalogue: { snapshot } }: Server, ownerId: string): string | null {
  return snapshot.byId.get(ownerId)?.name ?? null;
}

function factsView(server: Server, task: TaskFacts) {
  return {
    id: task.id,
    type: "task",
    llm: task.llm,
    dialect: task.operation,
    status: task.state,
    user: userOf(server, task.ownerId),
    priority: task.priority,
    attempts: task.attempts,
    requestId: task.requestId || null,
    httpStatus: task.status,
    createdAt: timeOf(task.createdAt),
    startedAt: timeOf(task.startedAt),
    endedAt: timeOf(task.endedAt),
    deadline: timeOf(task.deadline),
  };
}

function taskView(server: Server, task: InferenceTask) {
  const answer: unknown = task.answer === null ? undefined : JSON.parse(task.answer);
  const listed = listedView(server, { type: "task", facts: task });
  return { ...listed, ...factsView(server, task), ...(answer !== undefined && { answer }) };
}

function isBatch({ id = "" }: Call["params"]): boolean {
  return id.startsWith("batch_");
}

async function batchView(server: Server, principal: Principal, id: string) {
  const { batch: facts, counts } = await server.tasks.batches.read(principal, id);
  return listedView(server, { type: "batch", facts, counts });
}

function listedView(server: Server, one: ListedTask) {
  const { id, llm, state, ownerId, createdAt, endedAt } = one.facts;
  const counts = one.type === "batch" ? one.counts : { [state]: 1 };
  return {
    id,
    type: one.type,
    llm,
    status: state,
    user: userOf(server, ownerId),
    total: one.type === "batch" ? one.facts.total : 1,
    completed: counts.completed ?? 0,
    failed: counts.failed ?? 0,
    createdAt: timeOf(createdAt),
    endedAt: timeOf(endedAt),
    deadline: timeOf(one.type === "batch" ? one.facts.expiresAt : one.facts.deadline),
  };
}
