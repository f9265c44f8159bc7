import { createHash } from "node:crypto";
import { join } from "node:path";
import type { KindInfo, Resource } from "../../../kinds/define.ts";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";
import { ApiClient, type Endpoint } from "../../client/client.ts";
import { resolveEndpoint } from "../../client/endpoint.ts";
import type { Context } from "../../core/context.ts";
import { globalArgs, globalFlags } from "../../core/globals.ts";
import { flagsIn } from "../../core/parse.ts";

/** Milliseconds a person who presses Tab waits at most. */
const budget = 150;
/** Milliseconds for which names are remembered: long enough for some presses of Tab in a row. */
const freshFor = 10_000;

/**
 * The names there are of a kind, for the server that the command line being typed is about.
 *
 * @param typed its words so far, in which `--server` or `--context` may stand
 * @throws when the server cannot be asked in time
 */
export async function liveNames(
  kind: KindInfo,
  typed: readonly string[],
  context: Context,
): Promise<string[]> {
  const flags = globalFlags(flagsIn(typed, globalArgs));
  const endpoint = await resolveEndpoint({ ...context, flags });
  const file = join(context.home, "cache", `names-${keyOf(kind, endpoint)}.json`);
  const remembered = recall(file, context.now());
  if (remembered) return remembered;
  const client = new ApiClient(endpoint, { timeout: budget, signal: context.signal });
  const objects = await client.call<Resource[]>("GET", `/api/v1/${kind.plural}`);
  const names = objects.map((object) => object.name);
  writePrivateFile(file, JSON.stringify({ at: context.now(), names }));
  return names;
}

function recall(file: string, now: number): string[] | undefined {
  const text = readPrivateFile(file, { secret: true });
  if (text === undefined) return undefined;
  const { at, names } = JSON.parse(text) as { at: number; names: string[] };
  return now - at >= 0 && now - at < freshFor ? names : undefined;
}

/** Names are remembered for one server and one caller: another may see others. */
function keyOf(kind: KindInfo, { url, token = "" }: Endpoint): string {
  return createHash("sha256").update([kind.plural, url, token].join("\n")).digest("hex").slice(0, 16);
}
