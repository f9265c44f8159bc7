import { kindOf } from "../../../kinds/index.ts";
import { escapeLine } from "../../../wire/text.ts";
import { getObject, listObjects } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";

/** Milliseconds between two looks, and those in which a server that was just attached begins to start. */
const pause = 200;
const grace = 2000;

/**
 * Waits while MCP servers of a project start for the first time: until then nobody knows their tools. A start ends by
 * itself after the server's `startSeconds`. Returns at once where the caller may not see the servers.
 */
export async function waitForFirstStarts(
  project: string,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  let told = "";
  while (!signal.aborted) {
    const starting = await startingServers(project, context).catch(() => []);
    const waits = starting.filter(({ isStarting }) => isStarting || performance.now() - begun < grace);
    if (waits.length === 0) return;
    const names = waits.map(({ name }) => name).join(", ");
    if (waits.some(({ isStarting }) => isStarting) && told !== names) {
      told = names;
      context.terminal.err(`waiting for the first start of: ${escapeLine(names)}\n`);
    }
    await Bun.sleep(pause);
  }
}

/** Returns the attached servers that have never listed their tools and do not say why. */
async function startingServers(
  project: string,
  context: Context,
): Promise<{ name: string; isStarting: boolean }[]> {
  const { servers } = await getObject(kindOf("project"), project, context);
  const attached: readonly unknown[] = Array.isArray(servers) ? servers : [];
  if (attached.length === 0) return [];
  const rows = await listObjects(kindOf("server"), context);
  return rows
    .filter((row) => attached.includes(row.name) && !row["listedAt"])
    .filter(({ status }) => status === "starting" || status === "stopped")
    .map(({ name, status }) => ({ name, isStarting: status === "starting" }));
}
