import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import { type BatchRequest, modelOf } from "../../inference/tasks/batch-line.ts";
import type { CountedBatch } from "../../inference/tasks/batches.ts";
import { readText } from "../body.ts";
import { pageIn } from "../list-page.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { fileResponse } from "./files.ts";

const access = { verb: "run", resource: "llms", or: [{ verb: "run", resource: "agents" }] } as const;

const path = "/v1/messages/batches";
/** The most requests of a batch that comes in one body. */
const mostRequests = 10_000;
/** The most bytes of that body: it is parsed as a whole (T248). */
const mostBytes = 16 * 1024 * 1024;
const mostOfPage = 1000;
const usualPage = 20;
const customId = /^[\w-]{1,64}$/;

/** Batches of Anthropic's API: https://platform.claude.com/docs/en/api/creating-message-batches */
export function messageBatchRoutes(server: Server): Route[] {
  const batches = () => server.tasks.batches;
  const view = (call: Call, counted: CountedBatch) => Response.json(batchView(server, call, counted));
  return [
    {
      method: "POST",
      path,
      access,
      maxBodyBytes: mostBytes,
      summary:
        "Make a batch of requests for messages: they are answered within 24 hours, as the llm has time",
      handle: async (call) => {
        const text = await readText(call, server.deadlines, { inflate: true });
        const requests = requestsIn((await parseCall(text, "messages")).body);
        return view(call, await batches().createOfRequests(call.principal, "messages", requests));
      },
    },
    {
      method: "GET",
      path,
      access,
      summary: "List the caller's own batches of messages, the newest first",
      query: {
        limit: "The most batches, up to 1,000",
        after_id: "The id of the last batch of the page before",
        before_id: "The id of the first batch of the page behind",
      },
      handle: async (call) => {
        const { query } = call;
        const before = query.get("before_id");
        const after = before ?? query.get("after_id");
        const page = pageIn(
          new URLSearchParams({
            ...(query.has("limit") && { limit: query.get("limit")! }),
            ...(after !== null && { after }),
            order: before === null ? "desc" : "asc",
          }),
          mostOfPage,
          usualPage,
        );
        const found = await batches().list(call.principal, { ...page, form: "anthropic" });
        const shown = found.slice(0, page.limit - 1);
        if (before !== null) shown.reverse();
        const data = shown.map((one) => batchView(server, call, one));
        const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
        return Response.json({ data, has_more: found.length >= page.limit, ...ids });
      },
    },
    {
      method: "GET",
      path: `${path}/:id`,
      access,
      summary: "Read a batch of messages; administrators see the numbers of those of others",
      handle: async (call) => view(call, await batches().read(...named(call))),
    },
    {
      method: "GET",
      path: `${path}/:id/results`,
      access,
      summary:
        "Download the answers of one of the caller's own batches of messages that has ended, as JSON Lines",
      handle: async (call) => {
        const { batch, isOwn } = await batches().read(...named(call));
        if (!isOwn) throw new AppError("not_found", `batch "${batch.id}" not found`);
        if (batch.outputFileId === "")
          throw new AppError("not_found", `batch "${batch.id}" has no results`, {
            hint:
              batch.endedAt === null
                ? "wait until its processing_status is ended"
                : "it ended without requests",
          });
        const file = await server.tasks.files.read(call.principal, batch.outputFileId);
        return fileResponse(server, call, file, "application/x-jsonl");
      },
    },
    {
      method: "POST",
      path: `${path}/:id/cancel`,
      access,
      summary: "Cancel a batch of messages: what waits is not sent, and what runs is ended",
      handle: async (call) => view(call, await batches().cancel(...named(call))),
    },
    {
      method: "DELETE",
      path: `${path}/:id`,
      access,
      summary: "Delete one of the caller's own batches of messages that has ended, with its answers",
      handle: async (call) => {
        const id = call.params["id"]!;
        await batches().remove(call.principal, id, "anthropic");
        return Response.json({ id, type: "message_batch_deleted" });
      },
    },
  ];
}

function named({ principal, params }: Call) {
  return [principal, params["id"]!, "anthropic"] as const;
}

/** Returns the requests of a body. Throws AppError that names the first fault. */
function requestsIn({ requests }: Record<string, unknown>): BatchRequest[] {
  if (!Array.isArray(requests) || requests.length === 0)
    throw invalid("requests", "must be a list of requests");
  if (requests.length > mostRequests) throw invalid("requests", `there can be ${mostRequests} at most`);
  const ids = new Set<string>();
  const found = requests.map((one: unknown, index): BatchRequest => {
    const at = `requests.${index}`;
    if (!isObject(one)) throw invalid(at, "must be an object");
    const { custom_id: id, params } = one;
    if (typeof id !== "string" || !customId.test(id))
      throw invalid(`${at}.custom_id`, "must be 1 to 64 letters, digits, - and _");
    if (ids.has(id)) throw invalid(`${at}.custom_id`, `"${id}" is not unique`);
    ids.add(id);
    if (!isObject(params)) throw invalid(`${at}.params`, "must be an object");
    const model = modelOf(params, "messages", (_code, message) => {
      throw invalid(`${at}.params`, message);
    });
    return { customId: id, model, text: JSON.stringify(params) };
  });
  const other = found.findIndex(({ model }) => model !== found[0]!.model);
  if (other >= 0)
    throw invalid(`requests.${other}.params.model`, "all requests of a batch must have one model here");
  return found;
}

function invalid(field: string, message: string): AppError {
  return new AppError("invalid_request", `${field}: ${message}`, {
    details: [{ path: `/${field.replaceAll(".", "/")}`, message }],
  });
}

/** Returns a batch in Anthropic's form. */
function batchView({ publicUrls }: Server, { request }: Call, { batch, counts, isOwn }: CountedBatch) {
  const { id, state, createdAt, endedAt, expiresAt, cancellingAt } = batch;
  const hasEnded = endedAt !== null;
  const base = publicUrls[0] ?? URL.parse(request.url)?.origin ?? "";
  const timeOf = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return {
    id,
    type: "message_batch",
    processing_status: hasEnded ? "ended" : state === "cancelling" ? "canceling" : "in_progress",
    request_counts: {
      processing: counts.pending + counts.running,
      succeeded: counts.completed,
      errored: counts.failed,
      canceled: counts.cancelled,
      expired: counts.expired,
    },
    ended_at: timeOf(endedAt),
    created_at: timeOf(createdAt),
    expires_at: timeOf(expiresAt),
    archived_at: null,
    cancel_initiated_at: timeOf(cancellingAt),
    results_url: hasEnded && isOwn && batch.outputFileId ? `${base}${path}/${id}/results` : null,
  };
}
