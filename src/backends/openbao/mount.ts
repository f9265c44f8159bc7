import { permanent } from "./faults.ts";
import type { BaoRequest } from "./http.ts";
import { isEmpty, type SendRequest } from "./kv.ts";
import { type BaoBackend, folderPath } from "./paths.ts";
import { noEngine, refusal, versionOne } from "./refusals.ts";
import { objectOf } from "./token.ts";

/**
 * Checks that a KV version 2 engine is mounted where the config says. Version 1 would accept every write, and keep it
 * without versions, marks or check-and-set.
 *
 * @throws AppError `secret_unavailable` that says what is there instead, and the command that repairs it
 */
export async function checkMount(backend: BaoBackend, send: SendRequest): Promise<void> {
  const { name, config } = backend;
  const request: BaoRequest = { method: "GET", path: `sys/internal/ui/mounts/${config.mount}` };
  const response = await send(request);
  // The same 403 is sent for a mount that does not exist and for one that the token may not see: a list tells them apart.
  if (response.status === 403) {
    const listing: BaoRequest = { method: "GET", path: folderPath(backend), query: "list=true" };
    const seen = await send(listing);
    if (seen.status === 200 || isEmpty(seen)) return;
    throw refusal(backend, listing, seen);
  }
  if (response.status !== 200) throw refusal(backend, request, response);
  const { type, path, options } = objectOf(response.body["data"]);
  // The response describes the engine that the path belongs to, which may be mounted further up.
  if (path !== `${config.mount}/`) throw noEngine(backend);
  if (type !== "kv") throw permanent(name, `the engine at "${config.mount}" is not a KV one`);
  if (objectOf(options)["version"] !== "2") throw versionOne(backend);
}
