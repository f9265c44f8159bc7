import { existsSync } from "node:fs";
import { join } from "node:path";
import { controlPaths, controlSocket } from "../../../wire/agent-control.ts";
import { agentStatus } from "../../client/agent-answers.ts";
import { ApiClient } from "../../client/client.ts";
import { staysOnThisMachine } from "../../client/endpoint.ts";
import { clientFor } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";

/** Time limit in milliseconds for the agent's status. */
const statusTimeout = 500;

/**
 * The client for calls of llms. If an agent of this user runs on this machine and serves calls of the same server, it is
 * used, so that a local provider can stand in; `--direct` uses the server itself. The agent is found by its socket, which
 * only its user can open: the token is not sent to another program that listens on the agent's port.
 */
export async function callsClient(context: Context): Promise<ApiClient> {
  const { flags, signal } = context;
  const client = await context.client();
  if (flags.direct || client.endpoint.url.startsWith("unix:")) return client;
  const path = join(context.home, controlSocket);
  if (!existsSync(path)) return client;
  const agent = new ApiClient({ url: `unix://${path}` }, { timeout: statusTimeout, signal });
  const status = await agent.call("GET", controlPaths.status, { answer: agentStatus }).catch(() => undefined);
  if (!status?.endpoint || status.server !== client.endpoint.url) return client;
  // The token is sent to it.
  if (!staysOnThisMachine(status.endpoint)) return client;
  const endpoint = { ...client.endpoint, url: status.endpoint, origin: "the agent of this machine" };
  return clientFor(endpoint, context);
}
