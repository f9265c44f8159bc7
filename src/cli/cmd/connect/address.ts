import { AppError } from "../../../errors.ts";
import { versionAnswer } from "../../client/account-answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { serverUrl } from "../../client/endpoint.ts";
import { clientFor } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";
import { warn } from "../../core/failure.ts";

/** The longest that an address may take to answer, in milliseconds. */
const healthTimeout = 2_000;

/**
 * Returns the address of the server for clients: the one that was given, or that of the current server. Over a Unix
 * socket, which clients cannot use, the server tells it.
 *
 * @throws AppError `usage` if the server tells none that answers
 */
export async function clientAddress(context: Context, given: string | undefined): Promise<string> {
  if (given !== undefined) return serverUrl(given, "--url");
  const client = await context.client();
  const { url } = client.endpoint;
  if (!url.startsWith("unix:")) return url;
  const { urls = [] } = await client.call("GET", "/api/v1/version", { answer: versionAnswer });
  for (const told of urls) {
    const one = URL.parse(told);
    if (!one || !/^https?:$/.test(one.protocol)) continue;
    // An address that stands for all of the machine's own.
    if (one.hostname === "0.0.0.0" || one.hostname === "[::]") one.hostname = "127.0.0.1";
    if (await answers(context, one.origin)) return one.origin;
  }
  throw new AppError("usage", "the server is reached through a Unix socket, which the client cannot do", {
    hint: "say its address: --url http://127.0.0.1:7777",
  });
}

/**
 * Returns a client that calls the server with a token as a program at an address would. Where the address does not answer
 * here, because it is meant for another machine, the address of the command line is used.
 */
export async function clientAt(context: Context, address: string, token: string): Promise<ApiClient> {
  const { endpoint } = await context.client();
  const { url: _, origin: __, actingAs: ___, warning: ____, ...rest } = endpoint;
  if (address === endpoint.url || (await answers(context, address)))
    return clientFor({ ...rest, url: address, token }, context);
  warn(context.terminal, `${address} does not answer here; the test call goes to ${endpoint.url}`);
  return clientFor({ ...rest, url: endpoint.url, token }, context);
}

/** True if a server answers at an address. No token is sent. */
async function answers(context: Context, url: string): Promise<boolean> {
  const { endpoint } = await context.client();
  const { ca } = endpoint;
  try {
    const client = clientFor({ url, ...(ca && { ca }) }, context);
    const signal = client.within(healthTimeout);
    const response = await client.probe("GET", "/healthz", { signal, bearer: false });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    context.signal.throwIfAborted();
    return false;
  }
}
