import { AppError } from "../../../errors.ts";
import { backupName } from "../../backups/make-backup.ts";
import type { Restored } from "../../backups/restore.ts";
import type { Merge } from "../../backups/restore-plan.ts";
import { rechecked } from "../body.ts";
import { pulledStream } from "../pulled-stream.ts";
import { type Call, publicError, type Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Milliseconds between two lines of progress. */
const progressEvery = 250;
/** The most recipients of one backup. */
const mostRecipients = 20;

/** Routes that copy the whole database, and fill it. */
export function backupRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/backup",
      access: { action: "backup" },
      summary:
        "Return all of the database as a file: objects, hashes of passwords and tokens, threads, audit log and usage. Whoever may do this sees everything but values of secrets, and with a key of their own these, too",
      query: {
        audit: "false: leave out the audit log and the usage",
        secrets: "values: also the values of secrets; needs recipient",
        recipient: "A public key of age that the file is encrypted for; may be repeated",
      },
      handle: (call) => backup(server, call),
    },
    {
      method: "POST",
      path: "/api/v1/restore",
      access: { action: "restore" },
      summary:
        "Fill the database from a backup, all of it or nothing. Whoever may do this decides who may do what: it is the right to everything",
      query: {
        merge: "skip: leave objects as they are that stand already; replace: set them to what the backup has",
        dryRun: "true: check everything and change nothing",
      },
      handle: (call) => restore(server, call),
    },
  ];
}

async function backup(server: Server, call: Call): Promise<Response> {
  const { query } = call;
  const recipients = query.getAll("recipient");
  if (recipients.length > mostRecipients)
    throw new AppError("invalid_request", `there can be ${mostRecipients} recipients at most`);
  const secrets = oneOf(query, "secrets", ["references", "values"]) ?? "references";
  const audit = oneOf(query, "audit", ["true", "false"]) !== "false";
  const headers = (name: string) => ({
    "content-type": recipients.length > 0 ? "application/octet-stream" : "application/zstd",
    "content-disposition": `attachment; filename="${name}${recipients.length > 0 ? ".age" : ""}"`,
    "cache-control": "no-store",
  });
  if (call.isHead)
    return new Response(null, { headers: headers(backupName(new Date(server.now()).toISOString())) });
  const open = await server.backups.begin(call, { secrets, audit, recipients });
  return new Response(pulledStream(server, call, open.bytes), {
    headers: headers(backupName(open.facts.createdAt)),
  });
}

async function restore(server: Server, call: Call): Promise<Response> {
  const { query, request } = call;
  const merge = oneOf(query, "merge", ["skip", "replace"]) as Merge | undefined;
  const dryRun = oneOf(query, "dryRun", ["true", "false"]) === "true";
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/(zstd|octet-stream)\b/.test(type))
    throw new AppError("unsupported_media_type", "the body must be a backup", {
      hint: "Send content-type: application/zstd. An encrypted backup must be decrypted before: mcpctl restore does it.",
    });
  const body = request.body ?? new Blob([]).stream();
  const run = (onLine?: (line: object) => void) =>
    server.backups.restore(call, rechecked(body, call), { merge, dryRun }, onLine && progress(onLine));
  if (!request.headers.get("accept")?.includes("application/x-ndjson")) return Response.json(await run());
  return streamedRestore(run);
}

/** Returns the response of a restore whose progress is streamed. Its last line has the result, or the error. */
function streamedRestore(run: (onLine: (line: object) => void) => Promise<Restored>): Response {
  const encoder = new TextEncoder();
  let isOpen = true;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const line = (value: object) => {
        if (isOpen) controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      };
      const end = (value: object) => {
        line(value);
        if (isOpen) controller.close();
        isOpen = false;
      };
      line({ phase: "receiving" });
      // A caller that goes away does not stop it half way: it is done, or it fails.
      run(line).then(
        (restored) => end({ restored }),
        (error: unknown) => {
          const { code, message, hint } = publicError(error);
          end({ error: { code, message, ...(hint !== undefined && { hint }) } });
        },
      );
    },
    cancel() {
      isOpen = false;
    },
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}

function progress(onLine: (line: object) => void) {
  let due = 0;
  return (phase: "checking" | "restoring", bytes: number, rows: number) => {
    if (performance.now() < due) return;
    due = performance.now() + progressEvery;
    onLine({ phase, bytes, rows });
  };
}

/** Returns the value of a query parameter. Throws AppError `invalid_request` if it is none of those allowed. */
function oneOf<T extends string>(query: URLSearchParams, name: string, values: readonly T[]): T | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  const value = values.find((one) => one === given);
  if (value) return value;
  throw new AppError("invalid_request", `?${name} must be ${values.join(" or ")}`);
}
