import { AppError } from "../../errors.ts";
import { textOf } from "../client/answer-text.ts";
import { isReadableOnTheWay } from "../client/endpoint.ts";
import type { Context } from "../core/context.ts";

/** The most bytes of manifests that are read from an address. */
const mostBytes = 8 * 1024 * 1024;
/** Milliseconds that the other server has to answer. */
const timeLimit = 30_000;

/** True for a word of `-f` that is an address and no file. */
export function isAddress(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * Reads manifests from an address. No token is sent and no redirect followed: what is applied comes from where the user
 * has said, over a connection that nobody on the way can change.
 *
 * @throws AppError `usage` for an address that is not https, `invalid_request` for an answer that is no text of manifests
 */
export async function readRemote(
  address: string,
  context: Pick<Context, "client" | "signal">,
): Promise<string> {
  const url = URL.parse(address);
  if (!url) throw new AppError("usage", `-f: "${address}" is no address`);
  if (url.username !== "" || url.password !== "")
    throw new AppError("usage", "-f takes an address without user and password", {
      hint: "download the file with another program, and give its name",
    });
  if (isReadableOnTheWay(url.href))
    throw new AppError("usage", `-f ${url.origin}: plain HTTP can be changed on the way`, {
      hint: "write https://, or download the file and look at it",
    });
  const client = await context.client({ server: url.origin, token: "" });
  const signal = AbortSignal.any([context.signal, client.within(timeLimit)]);
  const response = await client.probe("GET", `${url.pathname}${url.search}`, { bearer: false, signal });
  const { status } = response;
  const refused = (reason: string, hint?: string) =>
    new AppError("invalid_request", `cannot read ${url.href}: ${reason}`, {
      ...(hint !== undefined && { hint }),
    });
  if (status >= 300 && status < 400) {
    const to = URL.parse(response.headers.get("location") ?? "", url);
    throw refused(
      `it redirects (${status})`,
      to ? `if you trust that address: -f ${to.href.slice(0, 500)}` : undefined,
    );
  }
  if (status !== 200) throw refused(`the server responded with ${status}`);
  const text = await textOf(response, mostBytes);
  if (text === undefined) throw refused(`it is larger than ${mostBytes / 1024 / 1024} MB`);
  if (/^\s*<(!doctype|html)/i.test(text))
    throw refused("it is a web page", "give the address of the file itself");
  return text;
}
