import { AppError } from "../../../errors.ts";
import { isLoopbackHost, plainHost } from "../../../hosts.ts";
import { clientFor } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";

/** The variable that names the folder of the newest release. */
export const updateVariable = "MCPCTL_UPDATE_URL";

/** Milliseconds without a byte after which a download fails. */
const silence = 30_000;
const mostRedirects = 5;

/**
 * Returns the folder of the newest release.
 *
 * @param signed true if its signature will be checked, so that nobody on the way can change it
 * @throws AppError `usage` if the variable is not set, or names no folder that can be trusted (T252)
 */
export function updateFolder(env: Context["env"], signed: boolean): URL {
  const value = env[updateVariable];
  if (!value)
    throw new AppError("usage", `${updateVariable} is not set: it is unknown where releases are`, {
      hint: `set it to the folder with SHA256SUMS of the newest release: ${updateVariable}=https://…/latest/download`,
    });
  const url = URL.parse(value.endsWith("/") ? value : `${value}/`);
  const refused = (why: string) => new AppError("usage", `${updateVariable} is refused: ${why}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw refused("it is no https URL");
  if (url.username || url.password) throw refused("a URL with a password is shown in logs");
  if (!signed && !isPrivateWay(url))
    throw refused("over plain http others can change the program; use https, or a signed release");
  return url;
}

function isPrivateWay(url: URL): boolean {
  return url.protocol === "https:" || isLoopbackHost(plainHost(url.hostname));
}

/**
 * Downloads a file, and passes its bytes on as they arrive. Follows redirects, but none from https to http, and sends no
 * token.
 *
 * @param most the most bytes that are taken
 * @throws AppError `connection_failed`, `not_found`, `timed_out` or `interrupted`
 */
export async function* download(
  start: URL,
  most: number,
  context: Context,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const abort = new AbortController();
  const expire = () => abort.abort(new DOMException("no progress", "TimeoutError"));
  const timer = setTimeout(expire, silence).unref();
  try {
    let size = 0;
    for await (const bytes of (await responseOf(start, abort.signal, context)).body ?? []) {
      timer.refresh();
      size += bytes.length;
      if (size > most) throw failed(start, `it is larger than ${most} bytes`);
      yield bytes;
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (context.signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    if (abort.signal.aborted) throw new AppError("timed_out", `${start} did not respond in time`, { cause });
    throw failed(start, "the connection was lost");
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

async function responseOf(start: URL, signal: AbortSignal, context: Context): Promise<Response> {
  let url = start;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const response = await ask(url, signal, context);
    if (response.ok) return response;
    await response.body?.cancel();
    const location = response.headers.get("location");
    if (response.status === 404) throw failed(url, "there is no such file", "not_found");
    if (response.status < 300 || response.status > 399 || location === null)
      throw failed(url, `the answer is ${response.status}`);
    const next = URL.parse(location, url);
    if (!next || !/^https?:$/.test(next.protocol)) throw failed(url, "it redirects to no web page");
    if (url.protocol === "https:" && next.protocol === "http:")
      throw failed(url, "it redirects to plain http");
    url = next;
  }
  throw failed(start, "it redirects again and again");
}

async function ask(url: URL, signal: AbortSignal, context: Context): Promise<Response> {
  const client = clientFor({ url: url.origin, origin: updateVariable }, context, { waitsFor: url.host });
  try {
    // The file as it is: some servers would unpack it.
    return await client.probe("GET", url.href, { signal, headers: { "accept-encoding": "identity" } });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "connection_failed") throw error;
    throw new AppError(error.code, error.message, {
      cause: error,
      hint: `check ${updateVariable} and the network`,
    });
  }
}

function failed(
  url: URL,
  why: string,
  code: "connection_failed" | "not_found" = "connection_failed",
): AppError {
  return new AppError(code, `cannot download ${url.origin}${url.pathname}: ${why}`);
}
