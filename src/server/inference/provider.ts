import { endpointOf } from "../../adapters/endpoint.ts";
import { isMakersUrl } from "../../adapters/index.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { OutboundTimeouts } from "../../net/outbound.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { SecretValues } from "../secrets/secret-values.ts";

/** Milliseconds. The `timeouts` of an llm override them. */
const defaultTimeouts: OutboundTimeouts = { connect: 10_000, firstByte: 300_000, silence: 300_000 };

/** The provider of an llm. */
export interface Provider {
  readonly adapter: Adapter;
  readonly timeouts: OutboundTimeouts;
  /** True for the service of the type's maker, which cannot lead back to this server. */
  readonly isMakers: boolean;
  /** Returns the quirks of a model at this provider. */
  quirksOf(model: string): Quirks;
  /** Returns the headers with the credential, and those that the provider requires. */
  headers(key: string | undefined): Record<string, string>;
  /** The URL of a path below the llm's base URL. `quirks` are given where more is known by now. */
  url(path: string, quirks?: Quirks): URL;
}

/** Returns the provider of an llm. Throws AppError `not_supported` for a type that this version cannot call. */
export const providerOf = oncePerObject((llm: LlmRow): Provider => {
  const { type, url, model: ownModel, responses } = llm.spec;
  const own = { ...llm.spec.quirks, ...(responses === "stateful" && { keepsState: true }) };
  const endpoint = endpointOf(type, url, ownModel, own);
  if (!endpoint) throw new AppError("not_supported", `llms of type ${type} cannot be called by this version`);
  const { adapter, headers, quirks } = endpoint;
  const urls = new Map<string, URL>();
  return {
    adapter,
    headers,
    timeouts: timeoutsOf(llm),
    isMakers: isMakersUrl(type, url),
    quirksOf: (model) => (model === ownModel ? quirks : endpointOf(type, url, model, own)!.quirks),
    url(path, { unversioned } = quirks) {
      if (unversioned !== quirks.unversioned) return endpoint.url(path, { unversioned });
      const known = urls.get(path) ?? endpoint.url(path);
      urls.set(path, known);
      return known;
    },
  };
});

/** Returns the API key of an llm; undefined if it has none. Throws AppError if the key cannot be read. */
export async function keyOf(llm: LlmRow, secrets: SecretValues): Promise<string | undefined> {
  const ref = llm.spec.apiKeyRef;
  return ref ? secrets.value(ref.name, ref.key) : undefined;
}

function timeoutsOf(llm: LlmRow): OutboundTimeouts {
  const { timeouts = {} } = llm.spec;
  const milliseconds = Object.entries(timeouts).map(([name, seconds]) => [name, seconds * 1000]);
  return { ...defaultTimeouts, ...Object.fromEntries(milliseconds) };
}
