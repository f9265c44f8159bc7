import { lasting } from "./faults.ts";
import type { BaoRequest } from "./http.ts";
import { type Ask, isEmpty } from "./kv.ts";
import { type Backend, folderPath } from "./paths.ts";
import { noEngine, refusal, versionOne } from "./refusals.ts";
import { objectOf } from "./token.ts";

/**
 * Makes sure that a KV version 2 engine is where the config says. Version 1 would take all that is written, and keep
 * it without versions, marks or check-and-set.
 *
 * @throws AppError `secret_unavailable` that says what there is instead, and the command that mends it
 */
export async function checkMount(backend: Backend, ask: Ask): Promise<void> {
  const { name, config } = backend;
  const request: BaoRequest = { method: "GET", path: `sys/internal/ui/mounts/${config.mount}` };
  const answer = await ask(request);
  // What does not exist and what one may not see are answered alike; the path itself tells them apart.
  if (answer.status === 403) {
    const look: BaoRequest = { method: "GET", path: folderPath(backend), query: "list=true" };
    const seen = await ask(look);
    if (seen.status === 200 || isEmpty(seen)) return;
    throw refusal(backend, look, seen);
  }
  if (answer.status !== 200) throw refusal(backend, request, answer);
  const { type, path, options } = objectOf(answer.body["data"]);
  // The engine that a path belongs to may be mounted further up.
  if (path !== `${config.mount}/`) throw noEngine(backend);
  if (type !== "kv") throw lasting(name, `the engine at "${config.mount}" is not a KV one`);
  if (objectOf(options)["version"] !== "2") throw versionOne(backend);
}
