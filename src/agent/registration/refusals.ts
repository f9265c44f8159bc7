import { AppError } from "../../errors.ts";

/** Returns the error that ends an agent whose session another agent has taken over. */
export function fencedError(): AppError {
  return new AppError("fenced", "another agent has taken over this session: this one stops", {
    hint: "one agent per machine; remove ~/.mcpctl/provider-session where the folder was copied or the machine was cloned",
  });
}

/** Explains a refusal of the server in one line for the log, and says what to do. */
export function reasonOf(error: AppError): string {
  if (error.status === 401)
    return "the server does not accept the bearer: log in with mcpctl login, or give --token-file a valid token";
  if (error.status === 403)
    return `${error.message}: publishing needs the right to expose llms (--bind role:expose,resource:llms), and to expose agents if there are personas`;
  if (error.status === 404)
    return "the server accepts no agents: it is older than this program, or is not mcpctl";
  return `cannot register: ${error.message}`;
}
