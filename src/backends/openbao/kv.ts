import { errorsOf, permanent, tooLarge } from "./faults.ts";
import { type BaoRequest, type BaoResponse, dataLimit } from "./http.ts";
import { type BaoBackend, dataPath, folderPath, isRefSegment, metadataPath } from "./paths.ts";
import { refusal, versionOne } from "./refusals.ts";
import { objectOf } from "./token.ts";

/** Sends a request with a token. A 403 is returned only if the token is valid and may not do this. */
export type SendRequest = (request: BaoRequest) => Promise<BaoResponse>;

type Data = Readonly<Record<string, string>>;

/** The values that mcpctl keeps in the engine, by ref. The API: https://openbao.org/api-docs/secret/kv/kv-v2 */
export interface Kv {
  read(ref: string): Promise<Record<string, string> | null>;
  write(ref: string, data: Data): Promise<void>;
  /** Returns true if there was something to delete. */
  delete(ref: string): Promise<boolean>;
  list(): Promise<string[]>;
  /** Makes a harmless request that the policy allows. Throws AppError. */
  probe(): Promise<void>;
}

/** Metadata of everything that mcpctl writes. Entries without it are never overwritten or deleted. */
const mark = { "managed-by": "mcpctl" };

/** The server's limit, in bytes, unless its listener sets another. It closes the connection of a larger request. */
const largestRequest = 32 * 1024 * 1024;
const listedAtOnce = 8;

export function createKv(backend: BaoBackend, send: SendRequest): Kv {
  const { name, config } = backend;

  /** Returns the metadata of a ref; null if it has none. */
  async function metadata(ref: string): Promise<Readonly<Record<string, unknown>> | null> {
    const request: BaoRequest = { method: "GET", path: metadataPath(backend, ref) };
    const response = await send(request);
    if (response.status === 200) return objectOf(response.body["data"]);
    if (isEmpty(response)) return null;
    throw refusal(backend, request, response);
  }

  async function sent(request: BaoRequest): Promise<BaoResponse> {
    const response = await send(request);
    if (response.status !== 200 && response.status !== 204) throw refusal(backend, request, response);
    return response;
  }

  async function read(ref: string): Promise<Record<string, string> | null> {
    const request: BaoRequest = { method: "GET", path: dataPath(backend, ref), limit: dataLimit };
    const response = await send(request);
    const { data, metadata } = objectOf(response.body["data"]);
    // For deleted or destroyed versions the server sends a 404 with metadata in it.
    if (isEmpty(response) || (response.status === 404 && metadata !== undefined)) return null;
    if (response.status !== 200) throw refusal(backend, request, response);
    if (typeof objectOf(metadata)["version"] !== "number") throw versionOne(backend);
    return data === null ? null : stringsIn(data);
  }

  function stringsIn(data: unknown): Record<string, string> {
    const values = objectOf(data);
    for (const key in values)
      if (typeof values[key] !== "string")
        throw permanent(name, `the value of ${JSON.stringify(key.slice(0, 100))} is not a string`, {
          hint: "somebody has changed it by hand: bao kv put with a string",
        });
    return values as Record<string, string>;
  }

  async function names(folder: string): Promise<string[]> {
    const request: BaoRequest = { method: "GET", path: folder, query: "list=true", limit: dataLimit };
    const response = await send(request);
    if (isEmpty(response)) return [];
    const { keys } = objectOf(response.body["data"]);
    if (response.status !== 200 || !Array.isArray(keys)) throw refusal(backend, request, response);
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
        throw permanent(name, "something is stored under a new ref already");
      // In this order a value never exists without the mark.
      await sent({ method: "POST", path: metadataPath(backend, ref), body: { custom_metadata: mark } });
      const request: BaoRequest = { method: "POST", path: dataPath(backend, ref), body };
      const response = await send(request);
      if (response.status === 400 && errorsOf(response.body).includes("did not match the current version")) {
        // The response to an earlier attempt was lost on the way.
        const found = await read(ref);
        if (found && isSame(found, data)) return;
        throw permanent(name, "something else has been stored under a new ref");
      }
      if (response.status !== 200) throw refusal(backend, request, response);
      const written = objectOf(response.body["data"]);
      if (typeof written["version"] !== "number") throw versionOne(backend);
      if (typeof written["deletion_time"] === "string" && written["deletion_time"] !== "")
        throw permanent(name, `the engine at "${config.mount}" deletes values by itself`, {
          hint: `bao write ${config.mount}/config delete_version_after=0s`,
        });
    },
    async delete(ref) {
      const found = await metadata(ref);
      if (!found) return false;
      if (!isMarked(found)) throw foreign(backend);
      await sent({ method: "DELETE", path: metadataPath(backend, ref) });
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
    async probe() {
      await names(folderPath(backend));
    },
  };
}

/** True for the 404 with which OpenBao says that nothing is there. A 404 of another program says no such thing. */
export function isEmpty({ status, body }: BaoResponse): boolean {
  return status === 404 && Array.isArray(body["errors"]) && body["errors"].length === 0;
}

function isMarked(metadata: Readonly<Record<string, unknown>>): boolean {
  return objectOf(metadata["custom_metadata"])["managed-by"] === mark["managed-by"];
}

function isSame(one: Data, other: Data): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

function foreign({ name }: BaoBackend): ReturnType<typeof permanent> {
  return permanent(name, "the stored entry does not carry custom_metadata managed-by=mcpctl", {
    hint: "mcpctl overwrites and deletes only what it wrote: give it a pathPrefix of its own",
  });
}

/** Throws AppError for values that the server would change, or refuse after half of the write. */
function check(name: string, data: Data, body: object): void {
  for (const key in data)
    if (!data[key]!.isWellFormed())
      throw permanent(
        name,
        `the value of ${JSON.stringify(key)} has half a character (a lone surrogate), which is not kept`,
      );
  if (Buffer.byteLength(JSON.stringify(body)) > largestRequest) throw tooLarge(name);
}
