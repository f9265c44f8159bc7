import { AppError } from "../../errors.ts";

/** What ends an agent whose session is another's. */
export function fencedOff(): AppError {
  return new AppError("fenced", "another agent has taken over this session: this one stops", {
    hint: "one agent per machine; remove ~/.mcpctl/provider-session where the folder was copied",
  });
}

/** Why a server does not let an agent in, and what can be done about it: a line for the log. */
export function reasonOf(error: AppError): string {
  if (error.status === 401)
    return "the server does not know the bearer: log in with mcpctl login, or give --token-file a token that is good";
  if (error.status === 403)
    return `${error.message}: publishing needs the right to expose llms (--bind role:expose,resource:llms), and agents where there are personas`;
  if (error.status === 404) return "the server takes no agents: it is older than this program, or no mcpctl";
  return `cannot register: ${error.message}`;
}
