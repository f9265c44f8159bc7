import { AppError } from "../../../errors.ts";
import { formBoundary } from "../../../wire/form.ts";
import { formEvents } from "../../../wire/form-stream.ts";
import { joinedChunks } from "../../../wire/joined-chunks.ts";
import type { StoredFile } from "../../core/store/task-store.ts";
import { rechecked } from "../body.ts";
import { listPage, pageIn, secondsOf } from "../list-page.ts";
import { pulledStream } from "../pulled-stream.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const access = { verb: "run", resource: "llms", or: [{ verb: "run", resource: "agents" }] } as const;

/** The most files of one page, and of a page where nobody says how many. */
const mostOfPage = 10_000;
/** Milliseconds in which the next bytes of a file must come. */
const longestSilence = 60_000;

/** Files of OpenAI's API, for batches: https://platform.openai.com/docs/api-reference/files */
export function fileRoutes(server: Server): Route[] {
  // A server has its parts when it is asked, not when its routes are made.
  const files = () => server.tasks.files;
  const find = ({ principal, params }: Call) => files().read(principal, params["id"]!);
  return [
    {
      method: "POST",
      path: "/v1/files",
      access,
      summary: "Upload a file with the requests of a batch: a form with purpose=batch and file",
      handle: async (call) => Response.json(fileView(await upload(server, call))),
    },
    {
      method: "GET",
      path: "/v1/files",
      access,
      summary: "List the caller's own files, the newest first",
      query: {
        purpose: "Only files with this purpose: batch or batch_output",
        limit: "The most files, up to 10,000",
        after: "The id of the last file of the page before",
        order: "asc: the oldest first",
      },
      handle: async ({ principal, query }) => {
        const page = pageIn(query, mostOfPage, mostOfPage);
        const purpose = query.get("purpose") ?? undefined;
        const found = await files().list(principal, { ...page, ...(purpose !== undefined && { purpose }) });
        return Response.json(listPage(found, page, fileView));
      },
    },
    {
      method: "GET",
      path: "/v1/files/:id",
      access,
      summary: "Read the facts of one of the caller's own files",
      handle: async (call) => Response.json(fileView(await find(call))),
    },
    {
      method: "GET",
      path: "/v1/files/:id/content",
      access,
      summary: "Download one of the caller's own files",
      handle: async (call) => fileResponse(server, call, await find(call)),
    },
    {
      method: "DELETE",
      path: "/v1/files/:id",
      access,
      summary: "Delete one of the caller's own files",
      handle: async ({ principal, params }) => {
        const id = params["id"]!;
        await files().remove(principal, id);
        return Response.json({ id, object: "file", deleted: true });
      },
    },
  ];
}

function upload({ tasks: { files } }: Server, call: Call): Promise<StoredFile> {
  const { request, principal } = call;
  const { headers } = request;
  const boundary = formBoundary(headers.get("content-type"));
  if (headers.has("content-encoding"))
    throw new AppError("unsupported_media_type", "the form must not be compressed", {
      hint: "send it without content-encoding",
    });
  const length = headers.get("content-length");
  const chunks = inTime(request.body ?? new Blob([]).stream());
  return files.upload(
    principal,
    rechecked(formEvents(joinedChunks(chunks), boundary), call),
    length === null ? undefined : Number(length),
  );
}

/** Yields the pieces of a body. Throws AppError if the next one does not come in time (T64). */
async function* inTime(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => late.reject(new AppError("timed_out", "the file did not arrive in time", { status: 408 })),
        longestSilence,
      );
      const { done, value } = await Promise.race([reader.read(), late.promise]).finally(() =>
        clearTimeout(timer),
      );
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Returns the response with the text of a file. */
export function fileResponse(
  server: Server,
  call: Call,
  file: StoredFile,
  type = "application/octet-stream",
) {
  const headers = {
    "content-type": type,
    "content-disposition": `attachment; filename="${file.name.replace(/[^\w. -]/g, "_")}"`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  if (call.isHead) return new Response(null, { headers });
  return new Response(pulledStream(server, call, encoded(server.tasks.files.content(file))), { headers });
}

async function* encoded(parts: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  for await (const part of parts) yield encoder.encode(part);
}

function fileView({ id, bytes, createdAt, expiresAt, name, purpose }: StoredFile) {
  return {
    id,
    object: "file",
    bytes,
    created_at: secondsOf(createdAt),
    expires_at: secondsOf(expiresAt),
    filename: name,
    purpose,
    status: "processed",
    status_details: null,
  };
}
