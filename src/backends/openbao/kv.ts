import { errorsOf, lasting, tooLarge } from "./faults.ts";
import { type BaoAnswer, type BaoRequest, dataLimit } from "./http.ts";
import { type Backend, dataPath, folderPath, isRefSegment, metadataPath } from "./paths.ts";
import { refusal, versionOne } from "./refusals.ts";
import { objectOf } from "./token.ts";

/** Makes a request with a token. A 403 comes back only when the token is good and may not do this. */
export type Ask = (request: BaoRequest) => Promise<BaoAnswer>;

type Data = Readonly<Record<string, string>>;

/** What mcpctl keeps in the engine, under refs. The calls: https://openbao.org/api-docs/secret/kv/kv-v2 */
export interface Kv {
  read(ref: string): Promise<Record<string, string> | null>;
  write(ref: string, data: Data): Promise<void>;
  /** Whether there was anything. */
  delete(ref: string): Promise<boolean>;
  list(): Promise<string[]>;
  /** Asks for something harmless that the policy allows. Throws AppError. */
  look(): Promise<void>;
}

/** What everything that mcpctl writes carries. What does not is never overwritten or deleted. */
const mark = { "managed-by": "mcpctl" };

/** The server's own limit, unless its listener sets another. It closes the connection rather than read on. */
const largestRequest = 32 * 1024 * 1024;
const listedAtOnce = 8;

export function createKv(backend: Backend, ask: Ask): Kv {
  const { name, config } = backend;

  /** What is known about a ref; null when nothing is. */
  async function metadata(ref: string): Promise<Readonly<Record<string, unknown>> | null> {
    const request: BaoRequest = { method: "GET", path: metadataPath(backend, ref) };
    const answer = await ask(request);
    if (answer.status === 200) return objectOf(answer.body["data"]);
    if (isEmpty(answer)) return null;
    throw refusal(backend, request, answer);
  }

  async function done(request: BaoRequest): Promise<BaoAnswer> {
    const answer = await ask(request);
    if (answer.status !== 200 && answer.status !== 204) throw refusal(backend, request, answer);
    return answer;
  }

  async function read(ref: string): Promise<Record<string, string> | null> {
    const request: BaoRequest = { method: "GET", path: dataPath(backend, ref), limit: dataLimit };
    const answer = await ask(request);
    const { data, metadata } = objectOf(answer.body["data"]);
    // Deleted or destroyed versions answer with a 404 that still has metadata in it.
    if (isEmpty(answer) || (answer.status === 404 && metadata !== undefined)) return null;
    if (answer.status !== 200) throw refusal(backend, request, answer);
    if (typeof objectOf(metadata)["version"] !== "number") throw versionOne(backend);
    return data === null ? null : stringsIn(data);
  }

  function stringsIn(data: unknown): Record<string, string> {
    const values = objectOf(data);
    for (const key in values)
      if (typeof values[key] !== "string")
        throw lasting(name, `the value of ${JSON.stringify(key.slice(0, 100))} is not a string`, {
          hint: "somebody has changed it by hand: bao kv put with a string",
        });
    return values as Record<string, string>;
  }

  async function names(folder: string): Promise<string[]> {
    const request: BaoRequest = { method: "GET", path: folder, query: "list=true", limit: dataLimit };
    const answer = await ask(request);
    if (isEmpty(answer)) return [];
    const { keys } = objectOf(answer.body["data"]);
    if (answer.status !== 200 || !Array.isArray(keys)) throw refusal(backend, request, answer);
    return keys.map(String);
  }

  return {
    read,
    async write(ref, data) {
      const body = { data, options: { cas: 0 } };
      check(name, data, body);
      const before = await metadata(ref);
      if (before && !isMarked(before)) throw foreign(backend);
      if (before && before["current_version"] !== 0)
        throw lasting(name, "something is stored under a new ref already");
      // In this order no value is ever there without the mark.
      await done({ method: "POST", path: metadataPath(backend, ref), body: { custom_metadata: mark } });
      const request: BaoRequest = { method: "POST", path: dataPath(backend, ref), body };
      const answer = await ask(request);
      if (answer.status === 400 && errorsOf(answer.body).includes("did not match the current version")) {
        // The answer to an earlier attempt was lost on the way.
        const found = await read(ref);
        if (found && isSame(found, data)) return;
        throw lasting(name, "something else has been stored under a new ref");
      }
      if (answer.status !== 200) throw refusal(backend, request, answer);
      const written = objectOf(answer.body["data"]);
      if (typeof written["version"] !== "number") throw versionOne(backend);
      if (typeof written["deletion_time"] === "string" && written["deletion_time"] !== "")
        throw lasting(name, `the engine at "${config.mount}" deletes values by itself`, {
          hint: `bao write ${config.mount}/config delete_version_after=0s`,
        });
    },
    async delete(ref) {
      const found = await metadata(ref);
      if (!found) return false;
      if (!isMarked(found)) throw foreign(backend);
      await done({ method: "DELETE", path: metadataPath(backend, ref) });
      return true;
    },
    async list() {
      const folders = (await names(folderPath(backend))).filter((one) => one.endsWith("/"));
      const ids = folders.map((one) => one.slice(0, -1)).filter(isRefSegment);
      const refs: string[] = [];
      const next = ids.values();
      const walk = async () => {
        for (const id of next)
          for (const write of await names(folderPath(backend, id)))
            if (isRefSegment(write)) refs.push(`${id}/${write}`);
      };
      await Promise.all(Array.from({ length: listedAtOnce }, walk));
      return refs;
    },
    async look() {
      await names(folderPath(backend));
    },
  };
}

/** The 404 that says: nothing there. Another server's 404 says no such thing. */
export function isEmpty({ status, body }: BaoAnswer): boolean {
  return status === 404 && Array.isArray(body["errors"]) && body["errors"].length === 0;
}

function isMarked(metadata: Readonly<Record<string, unknown>>): boolean {
  return objectOf(metadata["custom_metadata"])["managed-by"] === mark["managed-by"];
}

function isSame(one: Data, other: Data): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

function foreign({ name }: Backend): ReturnType<typeof lasting> {
  return lasting(name, "what is stored there does not carry custom_metadata managed-by=mcpctl", {
    hint: "mcpctl overwrites and deletes only what it wrote: give it a pathPrefix of its own",
  });
}

/** What the server would change or refuse half way. */
function check(name: string, data: Data, body: object): void {
  for (const key in data)
    if (!data[key]!.isWellFormed())
      throw lasting(
        name,
        `the value of ${JSON.stringify(key)} has half a character in it, which is not kept`,
      );
  if (Buffer.byteLength(JSON.stringify(body)) > largestRequest) throw tooLarge(name);
}
