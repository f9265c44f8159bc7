import { AppError, type Fault } from "../../errors.ts";
import { isLoopbackHost } from "../../hosts.ts";
import { normaliseProviderUrl } from "../../net/provider-url.ts";
import type { ServerFacts } from "../types.ts";

/** Brings the url into its normal form, and returns the faults in it. */
export function checkConfig(config: Record<string, unknown>, { isSelf }: ServerFacts): Fault[] {
  const fault = (message: string) => [{ path: "/config/url", message }];
  try {
    config["url"] = normaliseProviderUrl(config["url"] as string);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return (error.details ?? []).flatMap(({ message }) => fault(message));
  }
  const url = new URL(config["url"] as string);
  // It would ask itself for the key that it needs to answer (T11).
  if (isSelf(url)) return fault("is this server itself");
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname) && config["allowInsecure"] !== true)
    return fault("must be https, except on this machine; allowInsecure: true sends the token in the clear");
  return [];
}
