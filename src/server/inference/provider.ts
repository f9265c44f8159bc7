import { endpointOf } from "../../adapters/endpoint.ts";
import { isMakersUrl } from "../../adapters/index.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { OutboundTimeouts } from "../../net/outbound.ts";
import { hopsHeader } from "../../wire/hops.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { KeyReader } from "../secrets/secret-values.ts";

/** Milliseconds. The `timeouts` of an llm override them. */
const defaultTimeouts: OutboundTimeouts = { connect: 10_000, firstByte: 300_000, silence: 300_000 };

/** The provider of an llm. */
export interface Provider {
  readonly adapter: Adapter;
  readonly timeouts: OutboundTimeouts;
  /** Returns the quirks of a model at this provider. */
  quirksOf(model: string): Quirks;
  /** Returns the headers with the credential, and those that the provider requires. */
  headers(key: string | undefined): Record<string, string>;
  /**
   * Returns the same with those of this program, for a JSON request with nothing of the caller's; frozen, because every
   * such call has the same.
   *
   * @param hops the number of mcpctl programs that the call has passed
   */
  jsonHeaders(key: string | undefined, hops: number): Readonly<Record<string, string>>;
  /** The URL of a path below the llm's base URL. `quirks` are given where more is known by now. */
  url(path: string, quirks?: Quirks): URL;
}

/** Returns the provider of an llm. Throws AppError `not_supported` for a type that this version cannot call. */
export const providerOf = oncePerObject((llm: LlmRow): Provider => {
  const { type, url, model: ownModel, responses } = llm.spec;
  const own = { ...llm.spec.quirks, ...(responses === "stateful" && { keepsState: true }) };
  const endpoint = endpointOf(type, url, ownModel, own);
  if (!endpoint) throw new AppError("not_supported", `llms of type ${type} cannot be called by this version`);
  const { adapter, quirks } = endpoint;
  const urls = new Map<string, URL>();
  const isMakers = isMakersUrl(type, url);
  let last: { key: string | undefined; hops: number; headers: Readonly<Record<string, string>> } | undefined;
  return {
    adapter,
    headers: endpoint.headers,
    jsonHeaders(key, hops) {
      if (last === undefined || last.key !== key || last.hops !== hops) {
        const headers = Object.freeze({
          ...endpoint.headers(key),
          ...(!isMakers && { [hopsHeader]: String(hops) }),
          "content-type": "application/json",
        });
        last = { key, hops, headers };
      }
      return last.headers;
    },
    timeouts: timeoutsOf(llm),
    quirksOf: (model) => (model === ownModel ? quirks : endpointOf(type, url, model, own)!.quirks),
    url(path, { unversioned } = quirks) {
      if (unversioned !== quirks.unversioned) return endpoint.url(path, { unversioned });
      const known = urls.get(path);
      if (known) return known;
      const made = endpoint.url(path);
      urls.set(path, made);
      return made;
    },
  };
});

/**
 * Returns the API key of an llm, or a promise of it if it has to be read; undefined if the llm has none. Throws AppError if
 * the key cannot be read.
 */
export function keyOf(llm: LlmRow, secrets: KeyReader): string | undefined | Promise<string | undefined> {
  const ref = llm.spec.apiKeyRef;
  if (!ref) return undefined;
  return secrets.held(ref.name, ref.key) ?? secrets.value(ref.name, ref.key);
}

function timeoutsOf(llm: LlmRow): OutboundTimeouts {
  const { timeouts = {} } = llm.spec;
  const milliseconds = Object.entries(timeouts).map(([name, seconds]) => [name, seconds * 1000]);
  return { ...defaultTimeouts, ...Object.fromEntries(milliseconds) };
}
