import { providerUrl } from "../net/provider-url.ts";
import { adapterFor } from "./index.ts";
import { mergedQuirks } from "./quirks/correction.ts";
import { quirksOf } from "./quirks/index.ts";
import type { Quirks } from "./quirks/types.ts";
import type { Adapter } from "./types.ts";

/** The address of a provider, and how it is called. */
export interface ProviderEndpoint {
  readonly adapter: Adapter;
  readonly quirks: Quirks;
  /** Returns the headers with the credential, and those that the provider requires. */
  headers(key: string | undefined): Record<string, string>;
  /**
   * Returns the URL of a path that begins with `/v1`. Throws AppError `internal`.
   *
   * @param quirks Those of the endpoint, unless more is known by now.
   */
  url(path: string, quirks?: Quirks): URL;
}

/**
 * Returns the endpoint of a model at a provider; undefined for a type that this version does not know.
 *
 * @param url The base URL; empty for the public address of the type.
 * @param own Quirks that the user has set for the llm; they hold over known ones.
 */
export function endpointOf(
  type: string,
  url: string,
  model: string,
  own: Quirks = {},
): ProviderEndpoint | undefined {
  const adapter = adapterFor(type);
  if (!adapter) return undefined;
  const base = url || adapter.defaultUrls[type] || "";
  const quirks = mergedQuirks(quirksOf({ type, host: URL.parse(base)?.hostname, model }), own);
  return {
    adapter,
    quirks,
    headers: (key) => adapter.headers(key, quirks),
    url: (path, { unversioned } = quirks) => providerUrl(base, path, unversioned),
  };
}
