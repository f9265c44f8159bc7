import type { AppError } from "../../errors.ts";
import type { KindInfo, Resource } from "../../kinds/define.ts";
import { parsedAnswer, unexpectedAnswer } from "./answer-text.ts";
import { objectKey, objectOf } from "./answers.ts";
import type { ApiClient } from "./client.ts";
import { eventsOf, isTransient, type Pause, reconnecting } from "./reconnect.ts";
import type { AnswerShape } from "./shape.ts";

/** One change of one object. A deletion carries the last known fields. */
export interface ObjectChange {
  type: "added" | "modified" | "deleted";
  object: Resource;
}

/** The events of a watch. Others are those of a newer server. */
const events: readonly string[] = ["synced", "added", "modified", "deleted"];
const mostObjects = 500_000;
const deletion = objectKey as AnswerShape<Resource>;

/**
 * Yields all objects of a kind as one batch of `added`, then each change, in order and without gaps. After a lost
 * connection it continues where that ended; if the server no longer knows that point (410), the difference to a fresh
 * list is what changed.
 *
 * @throws AppError if the first connection fails, or a later one for a reason that will not pass
 */
export function changesOf(
  client: ApiClient,
  kind: KindInfo,
  signal: AbortSignal,
  pause: Pause,
): AsyncGenerator<ObjectChange[]> {
  const shape = objectOf(kind);
  const known = new Map<string, Resource>();
  let since: string | undefined;
  let isSynced = false;
  async function* connect(onEvent: () => void): AsyncGenerator<ObjectChange[]> {
    // Without `since` the stream begins with all there is, and `synced` after it.
    let listing: Resource[] | undefined = since === undefined ? [] : undefined;
    const query = { watch: "1", since };
    const answer = await client.stream("GET", `/api/v1/${kind.plural}`, { query, signal });
    for await (const { event, id, data } of eventsOf(answer, signal)) {
      onEvent();
      if (id !== undefined) since = eventId(id);
      if (!events.includes(event)) continue;
      if (event === "synced") {
        yield difference(known, listing ?? []);
        listing = undefined;
        isSynced = true;
        continue;
      }
      const object = parsedAnswer(data, event === "deleted" ? deletion : shape);
      if (listing && listing.push(object) > mostObjects) throw unexpectedAnswer("its list has no end");
      if (!listing) yield [applied(known, event as ObjectChange["type"], object)];
    }
    // A list that was cut off has no point to continue from.
    if (listing) since = undefined;
  }
  const isRetried: (error: AppError) => boolean = (error) => {
    if (error.code !== "watch_expired") return isSynced && isTransient(error);
    since = undefined;
    return true;
  };
  return reconnecting(connect, { signal, pause, isRetried });
}

/** The id of an event, which the next request has in its address. */
export function eventId(id: string): string {
  if (id.length > 200) throw unexpectedAnswer("the id of an event is too long");
  return id;
}

function applied(known: Map<string, Resource>, type: ObjectChange["type"], object: Resource): ObjectChange {
  const before = known.get(object.id);
  if (type === "deleted") known.delete(object.id);
  else known.set(object.id, object);
  return { type, object: type === "deleted" ? { ...before, ...object } : object };
}

/** The changes from the known objects to a fresh list. */
function difference(known: Map<string, Resource>, listing: readonly Resource[]): ObjectChange[] {
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
