import { existsSync } from "node:fs";
import { join } from "node:path";
import { type AgentStatus, controlPaths, controlSocket } from "../../../wire/agent-control.ts";
import { ApiClient } from "../../client/client.ts";
import type { Context } from "../../core/context.ts";

/** Milliseconds that the agent has to say that it is there. */
const patience = 500;

/**
 * The client for calls of models: through this user's agent on this machine where one serves calls of the same server,
 * so that a local provider may stand in; the server itself with `--direct`. The agent is found by its socket, which only
 * its user can open: nobody else who listens on its port is sent the bearer.
 */
export async function callsClient(context: Context): Promise<ApiClient> {
  const { home, flags, signal, terminal } = context;
  const client = await context.client();
  const path = join(home, controlSocket);
  if (flags.direct || client.endpoint.url.startsWith("unix:") || !existsSync(path)) return client;
  const agent = new ApiClient({ url: `unix://${path}` }, { timeout: patience, signal });
  const status = await agent.call<AgentStatus>("GET", controlPaths.status).catch(() => undefined);
  if (!status?.endpoint || status.server !== client.endpoint.url) return client;
  return new ApiClient(
    { ...client.endpoint, url: status.endpoint, origin: "the agent of this machine" },
    {
      signal,
      ...(flags.timeout !== undefined && { timeout: flags.timeout }),
      ...(flags.verbose && { log: (line) => terminal.err(`${line}\n`) }),
    },
  );
}
