import { AppError } from "../../errors.ts";
import { proxyRule } from "../../proxies.ts";
import { ApiClient, type Endpoint } from "../client/client.ts";
import { requestWait } from "../terminal/request-wait.ts";
import type { Context } from "./context.ts";

/**
 * The client of a command for one endpoint: with its `--timeout`, the request lines of `-v`, and ended by Ctrl-C.
 *
 * @param waitsFor what a user is told to wait for, where a request takes long
 */
export function clientFor(
  endpoint: Endpoint,
  { signal, flags, terminal, env }: Pick<Context, "signal" | "flags" | "terminal" | "env">,
  { fetch, waitsFor = "the server" }: { fetch?: typeof globalThis.fetch; waitsFor?: string } = {},
): ApiClient {
  return new ApiClient(endpoint, {
    signal,
    proxyFor: proxyRule(env),
    ...(fetch && { fetch }),
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    wait: requestWait({ terminal, flags }, waitsFor),
    ...(flags.verbose && { log: (line) => terminal.err(`${line}\n`) }),
  });
}

/**
 * Returns a client that works also after Ctrl-C, which ends the requests of all others: for changes that are made whole,
 * and for taking them back. It shows nothing of its requests.
 */
export async function detachedClient(
  context: Context,
  signal: AbortSignal = new AbortController().signal,
): Promise<ApiClient> {
  const { endpoint } = await context.client();
  const client = clientFor(endpoint, { ...context, flags: { ...context.flags, verbose: false }, signal });
  context.terminal.handOver();
  return client;
}

/** Throws AppError `interrupted` after Ctrl-C. */
export function throwIfInterrupted({ signal }: Pick<Context, "signal">): void {
  if (signal.aborted) throw new AppError("interrupted", "interrupted");
}
