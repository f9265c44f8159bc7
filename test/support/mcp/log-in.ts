import { type Client, must } from "../server.ts";
import type { ProtectedServer } from "./protected-server.ts";

/** The address at which nobody waits for a browser. */
export const redirectUri = "http://127.0.0.1:9/callback";

/** The path of the login of the MCP server `far`. */
export const loginPath = "/api/v1/servers/far/authorization";

/** Begins a login at the MCP server `far`, and agrees to it. Returns the parameters with which the browser came back. */
export async function agreed(far: ProtectedServer, as: Client): Promise<Record<string, string>> {
  const { body } = await must(as("POST", loginPath, { redirectUri }));
  const back = await far.issuer.agree(body.url);
  return Object.fromEntries(back.searchParams);
}

/** Logs in at the authorization server of the MCP server `far`, as a person with a browser. */
export async function logIn(far: ProtectedServer, as: Client): Promise<void> {
  await must(as("POST", `${loginPath}/answer`, await agreed(far, as)));
}

export const isReady = ({ status, toolCount }: { status: string; toolCount: number }) =>
  status === "ready" && toolCount > 0;

/** True for a server that waits for a login. */
export const isNeeded = ({ authorization }: { authorization: { status: string } | null }) =>
  authorization?.status === "needed";
