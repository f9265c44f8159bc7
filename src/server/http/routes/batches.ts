import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { type Operation, operationAt, operations } from "../../../wire/dialects/operations.ts";
import type { BatchState } from "../../core/store/task-store.ts";
import type { BatchFault } from "../../inference/tasks/batch-line.ts";
import type { CountedBatch } from "../../inference/tasks/batches.ts";
import { readBody } from "../body.ts";
import { listPage, pageIn, secondsOf } from "../list-page.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const access = { verb: "run", resource: "llms", or: [{ verb: "run", resource: "agents" }] } as const;

/** The operations that can be in a batch. */
const batched: readonly Operation[] = ["chat", "responses", "embeddings", "completions", "moderations"];

const input = Type.Object(
  {
    input_file_id: Type.String({ maxLength: 64, description: "A file with purpose batch" }),
    endpoint: Type.String({
      maxLength: 100,
      description: "The path of the calls, such as /v1/chat/completions",
    }),
    completion_window: Type.String({ maxLength: 20, description: "24h" }),
    metadata: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 512 }), { maxProperties: 16 }),
      ]),
    ),
  },
  { additionalProperties: false },
);

const mostOfPage = 100;
const usualPage = 20;

/** Batches of OpenAI's API: https://platform.openai.com/docs/api-reference/batch */
export function batchRoutes(server: Server): Route[] {
  const batches = () => server.tasks.batches;
  return [
    {
      method: "POST",
      path: "/v1/batches",
      access,
      summary:
        "Make a batch of the requests in a file: they are answered within 24 hours, as the llm has time",
      body: input,
      handle: async (call) => {
        const body = await readBody(call, server.deadlines, input);
        if (body.completion_window !== "24h") throw invalid("completion_window", 'must be "24h"');
        const operation = operationOf(body.endpoint);
        const { input_file_id: fileId, metadata } = body;
        const made = await batches().createOfFile(call.principal, fileId, operation, metadata ?? {});
        return Response.json(batchView(made));
      },
    },
    {
      method: "GET",
      path: "/v1/batches",
      access,
      summary: "List the caller's own batches, the newest first",
      query: { limit: "The most batches, up to 100", after: "The id of the last batch of the page before" },
      handle: async ({ principal, query }) => {
        const page = pageIn(query, mostOfPage, usualPage);
        return Response.json(
          listPage(await batches().list(principal, { ...page, form: "openai" }), page, batchView),
        );
      },
    },
    {
      method: "GET",
      path: "/v1/batches/:id",
      access,
      summary: "Read a batch; administrators see those of others without their files and metadata",
      handle: async (call) => Response.json(batchView(await batches().read(...named(call)))),
    },
    {
      method: "POST",
      path: "/v1/batches/:id/cancel",
      access,
      summary: "Cancel a batch: what waits is not sent, and what runs is ended",
      handle: async (call) => Response.json(batchView(await batches().cancel(...named(call)))),
    },
  ];
}

function named({ principal, params }: Call) {
  return [principal, params["id"]!, "openai"] as const;
}

function operationOf(endpoint: string): Operation {
  const operation = operationAt(endpoint);
  if (operation && batched.includes(operation)) return operation;
  const paths = batched.map((one) => operations[one].path).join(", ");
  throw invalid("endpoint", `"${endpoint}" cannot be in a batch; these can: ${paths}`);
}

function invalid(field: string, message: string): AppError {
  return new AppError("invalid_request", `${field}: ${message}`, {
    details: [{ path: `/${field}`, message }],
  });
}

/** Returns a batch in OpenAI's form. */
function batchView({ batch, counts, isOwn }: CountedBatch) {
  const { id, state, endedAt, startedAt, finalizingAt, cancellingAt, createdAt, expiresAt } = batch;
  const faults = JSON.parse(batch.errors) as BatchFault[];
  const endedAs = (wanted: BatchState) => secondsOf(state === wanted ? endedAt : null);
  return {
    id,
    object: "batch",
    endpoint: operations[batch.operation as Operation].path,
    model: batch.llm || null,
    errors: isOwn && faults.length > 0 ? { object: "list", data: faults } : null,
    input_file_id: isOwn ? batch.inputFileId : null,
    completion_window: "24h",
    status: state,
    output_file_id: (isOwn && batch.outputFileId) || null,
    error_file_id: (isOwn && batch.errorFileId) || null,
    created_at: secondsOf(createdAt),
    in_progress_at: secondsOf(startedAt),
    expires_at: secondsOf(expiresAt),
    finalizing_at: secondsOf(finalizingAt),
    completed_at: endedAs("completed"),
    failed_at: endedAs("failed"),
    expired_at: endedAs("expired"),
    cancelling_at: secondsOf(cancellingAt),
    cancelled_at: endedAs("cancelled"),
    request_counts: { total: batch.total, completed: counts.completed, failed: counts.failed },
    metadata: isOwn && batch.metadata !== "{}" ? JSON.parse(batch.metadata) : null,
  };
}
