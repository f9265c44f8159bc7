import { proxyRule } from "../../proxies.ts";
import { ApiClient, type Endpoint } from "../client/client.ts";
import type { Context } from "./context.ts";

/** The client of a command for one endpoint: with its `--timeout`, the request lines of `-v`, and ended by Ctrl-C. */
export function clientFor(
  endpoint: Endpoint,
  { signal, flags, terminal, env }: Pick<Context, "signal" | "flags" | "terminal" | "env">,
  fetch?: typeof globalThis.fetch,
): ApiClient {
  return new ApiClient(endpoint, {
    signal,
    proxyFor: proxyRule(env),
    ...(fetch && { fetch }),
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    ...(flags.verbose && { log: (line) => terminal.err(`${line}\n`) }),
  });
}
