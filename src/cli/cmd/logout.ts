import { AppError } from "../../errors.ts";
import { anything } from "../client/answers.ts";
import { readToken, removeToken, serversOfTokens } from "../client/credentials.ts";
import { resolveEndpoint } from "../client/endpoint.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";

export const logout = defineVerb({
  meta: {
    name: "logout",
    description: "End the session of login",
    about: `The server revokes the session's token, and the copy on this machine is deleted. Without --server or --context
      it is the session at the current server, or the only one that there is. Tokens made with "mcpctl create token" stay
      valid: delete those with "mcpctl delete token".`,
    usage: "",
    examples: [
      ["mcpctl logout", "End the session at the current server"],
      ["mcpctl logout --server https://llm.example.org", "End the session at another server"],
    ],
  },
  async run(_, context) {
    const { terminal, home } = context;
    const server = await serverOfSession(context);
    const token = server && readToken(home, server);
    if (server === undefined || token === undefined) return;
    try {
      const client = await context.client({ server, token });
      await client.call("POST", "/api/v1/auth/logout", { answer: anything });
      terminal.out(`logged out of ${server}\n`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // A session that the server does not accept has ended already.
      if (error.code === "unauthenticated") terminal.out(`logged out of ${server}\n`);
      else
        warn(
          terminal,
          `the server did not end the session, which stays valid until it expires: ${error.message}; the token is deleted here`,
        );
    } finally {
      removeToken(home, server);
    }
  },
});

/** Returns the address of the server whose session is meant; undefined, with a line that says so, if there is none. */
async function serverOfSession(context: Context): Promise<string | undefined> {
  const { terminal, home, flags } = context;
  const { url } = await resolveEndpoint(context);
  if (readToken(home, url) !== undefined) return url;
  const servers = serversOfTokens(home);
  const [only] = servers;
  const isNamed = flags.server !== undefined || flags.context !== undefined;
  if (servers.length === 1 && !isNamed) return only;
  if (servers.length === 0) terminal.err("not logged in\n");
  else
    throw new AppError("invalid_request", `not logged in to ${url}`, {
      hint: `you are logged in to ${servers.join(", ")}; to end a session there: mcpctl logout --server ${only}`,
    });
  return undefined;
}
