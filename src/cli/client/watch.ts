import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import type { KindInfo, Resource } from "../../kinds/define.ts";
import { SseParser } from "../../wire/sse.ts";
import type { Context } from "../core/context.ts";
import type { Target } from "../kinds/resolve-kind.ts";
import { escapeLine } from "../output/escape.ts";
import { type Format, jsonText } from "../output/format.ts";
import { print, rowOf } from "../output/print.ts";
import { tableLine, widthsOf } from "../output/table.ts";
import type { ApiClient } from "./client.ts";

/** One change of one object. A deleted one carries what was last known of it. */
export interface Change {
  type: "added" | "modified" | "deleted";
  object: Resource;
}

/** `get -w`: what there is, then every change, until Ctrl-C. */
export async function watch(
  target: Target,
  format: Format,
  headers: boolean,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const { kind, names } = target;
  const wanted = (object: Resource) =>
    (names.length === 0 || names.includes(object.name) || names.includes(object.id)) &&
    (context.flags.project === undefined ||
      kind.scopedBy === undefined ||
      object["project"] === context.flags.project);
  const printChange = await changePrinter(kind, format, headers, context);
  const client = await context.client();
  for await (const changes of changesOf(client, kind, context.signal, backoff)) {
    await printChange(changes.filter(({ object }) => wanted(object)));
    await terminal.drain();
  }
}

/** Full jitter between half a second and half a minute, so that a restarted server is not met by all at once. */
export function backoff(attempt: number, signal: AbortSignal): Promise<void> {
  const limit = Math.min(30_000, 500 * 2 ** attempt);
  return delay(Math.random() * limit, undefined, { signal });
}

/**
 * Everything of a kind, first as one batch of `added`, then each change, in order and without gaps: a lost
 * connection is taken up where it ended, and when the server no longer knows that point (410) the difference to
 * a fresh list is what changed.
 *
 * @param pause waits before the next attempt to connect; `attempt` counts from 0
 * @throws AppError when the first connection fails, or a later one for a reason that will not pass
 */
export async function* changesOf(
  client: ApiClient,
  kind: KindInfo,
  signal: AbortSignal,
  pause: (attempt: number, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<Change[]> {
  const known = new Map<string, Resource>();
  let since: string | undefined;
  let synced = false;
  for (let attempt = 0; ; attempt++) {
    try {
      // Without `since` the stream begins with all there is, and `synced` behind it.
      let listing: Resource[] | undefined = since === undefined ? [] : undefined;
      for await (const { event, id, data } of stream(client, kind, since, signal)) {
        attempt = 0;
        if (id !== undefined) since = id;
        const object = JSON.parse(data) as Resource;
        if (event === "synced") {
          yield difference(known, listing ?? []);
          listing = undefined;
          synced = true;
        } else if (listing) listing.push(object);
        else if (event === "added" || event === "modified" || event === "deleted")
          yield [applied(known, event, object)];
      }
      // An unfinished list has no point to go on from.
      if (listing) since = undefined;
    } catch (error) {
      if (!(error instanceof AppError) || signal.aborted) throw error;
      if (error.code === "watch_expired") since = undefined;
      else if (!synced || !passes(error)) throw error;
    }
    await pause(attempt, signal).catch(() => {
      throw new AppError("interrupted", "interrupted");
    });
  }
}

function passes(error: AppError): boolean {
  return error.code === "connection_failed" || error.status >= 500 || error.code === "too_many_requests";
}

async function* stream(client: ApiClient, kind: KindInfo, since: string | undefined, signal: AbortSignal) {
  const query = { watch: "1", since };
  const response = await client.raw("GET", `/api/v1/${kind.plural}`, { query, signal });
  const parser = new SseParser();
  try {
    for await (const bytes of response.body ?? []) yield* parser.push(bytes);
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    // The connection was cut; whoever reads on will find out whether it comes back.
  }
}

function applied(known: Map<string, Resource>, type: Change["type"], object: Resource): Change {
  const before = known.get(object.id);
  if (type === "deleted") known.delete(object.id);
  else known.set(object.id, object);
  return { type, object: type === "deleted" ? { ...before, ...object } : object };
}

/** What changed between what was known and a fresh list. */
function difference(known: Map<string, Resource>, listing: readonly Resource[]): Change[] {
  const ids = new Set(listing.map((object) => object.id));
  const gone = [...known.values()].filter((object) => !ids.has(object.id));
  const changed = listing.flatMap((object) => {
    const before = known.get(object.id);
    if (before && Bun.deepEquals(before, object)) return [];
    return [{ type: before ? "modified" : "added", object } as const];
  });
  return [
    ...gone.map((object) => applied(known, "deleted", object)),
    ...changed.map(({ type, object }) => applied(known, type, object)),
  ];
}

/** Tables keep the columns of the first batch; JSON is one change a line; other formats print object by object. */
async function changePrinter(kind: KindInfo, format: Format, headers: boolean, context: Context) {
  const { terminal } = context;
  if (format.as === "json")
    return async (changes: Change[]) => terminal.out(changes.map((change) => jsonText(change, 0)).join(""));
  if (format.as !== "table" && format.as !== "wide") return objectPrinter(kind, format, context);
  const wide = format.as === "wide";
  const header = kind.columns.filter((column) => wide || !column.wide).map((column) => column.header);
  let widths: number[] | undefined;
  return async (changes: Change[]) => {
    const rows = changes.map(({ type, object }) => {
      const [name, ...rest] = rowOf(kind, object, wide, context.now()).map(escapeLine);
      return [type === "deleted" ? `${name} (deleted)` : name!, ...rest];
    });
    const lines = widths || !headers ? rows : [header, ...rows];
    widths ??= widthsOf([header, ...rows]);
    for (const line of lines) terminal.out(`${tableLine(line, widths)}\n`);
  };
}

function objectPrinter(kind: KindInfo, format: Format, context: Context) {
  let first = true;
  return async (changes: Change[]) => {
    for (const { object } of changes.filter(({ type }) => type !== "deleted")) {
      if (format.as === "yaml" && !first) context.terminal.out("---\n");
      first = false;
      await print(context, kind, [object], format, { single: true });
      if (format.as === "jsonpath" && !context.terminal.outIsTerminal) context.terminal.out("\n");
    }
  };
}
