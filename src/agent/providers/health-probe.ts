import { isIP } from "node:net";
import { endpointOf } from "../../adapters/endpoint.ts";
import { isMakersUrl } from "../../adapters/index.ts";
import type { Outbound } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";
import { modelsPath } from "../../wire/dialects/operations.ts";
import type { ProviderConfig } from "../core/config.ts";
import { fingerprint, modelsOf, type RuntimeKind, residency } from "../discovery/fingerprints.ts";
import { namesModel } from "../discovery/model-names.ts";
import { createProbe, type Probe, type ProbeResponse } from "../discovery/probe.ts";

/** The result of a check of a server. */
export interface HealthReport {
  /** True if it can be called, as far as a check can tell. */
  canBeCalled: boolean;
  /** True if its list of models contains the model; undefined when it has no readable list. */
  listed?: boolean | undefined;
  resident?: boolean | undefined;
  /** The reason why it cannot be called, in a few words that name no host. */
  fault?: string;
}

/** The longest that one request may take, in milliseconds. */
const requestTimeout = 2_000;

/** Names of machines in a private network, also when they use TLS. */
const ownNames = /\.(local|lan|internal|home\.arpa|ts\.net)$/;

/**
 * True if a provider is a public service: it has its maker's URL, or an https URL with a public name. False for a
 * server of the user's own, such as one with a wake recipe.
 */
export function isPublicProvider({ type, url = "", wake }: ProviderConfig): boolean {
  if (wake) return false;
  if (isMakersUrl(type, url)) return true;
  const { protocol, hostname } = new URL(url);
  const isPublicName = hostname.includes(".") && isIP(hostname) === 0 && !ownNames.test(hostname);
  return protocol === "https:" && isPublicName;
}

/** Checks a server with requests that neither load nor wake anything. */
export class HealthProbe {
  readonly #outbound: Outbound;
  readonly #config: ProviderConfig;
  readonly #apiKey: () => string | undefined;
  /** The kind of server at the last check, null for an unknown one. By now another program may have the port. */
  #kind: RuntimeKind | null | undefined;
  #lastFailure: unknown;

  constructor(outbound: Outbound, config: ProviderConfig, apiKey: () => string | undefined) {
    this.#outbound = outbound;
    this.#config = config;
    this.#apiKey = apiKey;
  }

  /** Checks the server. Never fails: an error becomes part of the report. */
  async check(signal: AbortSignal): Promise<HealthReport> {
    const { type, url = "", model } = this.#config;
    const endpoint = endpointOf(type, url, model)!;
    let headers: Record<string, string>;
    try {
      headers = endpoint.headers(this.#apiKey());
    } catch {
      return { canBeCalled: false, fault: "its API key cannot be read" };
    }
    const onFailure = (error: unknown) => {
      this.#lastFailure = error;
    };
    const probe = createProbe(this.#outbound, url, { timeout: requestTimeout, headers, signal, onFailure });
    // The list of a public provider may be incomplete or in pages, so only its status counts.
    if (isPublicProvider(this.#config)) return this.#healthOf(await probe(modelsPath));
    const known = this.#kind;
    const report = await this.#checkWith(probe);
    const isAnother = known && report.canBeCalled && report.listed === undefined;
    if (!isAnother) return report;
    this.#kind = undefined;
    return this.#checkWith(probe);
  }

  async #checkWith(probe: Probe): Promise<HealthReport> {
    const { model } = this.#config;
    if (this.#kind === undefined) this.#kind = (await fingerprint(probe)) ?? null;
    const health = this.#healthOf(await probe(this.#healthPath()));
    if (!health.canBeCalled) {
      this.#kind = undefined;
      return health;
    }
    const kind = this.#kind ?? undefined;
    const listed = (await modelsOf(kind, probe))?.some((name) => namesModel(name, model));
    if (listed === false)
      return { canBeCalled: true, listed, fault: "its list of models does not name this one" };
    return { canBeCalled: true, listed, resident: await residency(kind, probe, model) };
  }

  #healthOf(response: ProbeResponse | undefined): HealthReport {
    if (!response) {
      const reason = systemReason(this.#lastFailure);
      return { canBeCalled: false, fault: `it does not respond${reason ? `: ${reason.text}` : ""}` };
    }
    const { status } = response;
    if (status === 401 || status === 403) return { canBeCalled: false, fault: "it refuses the API key" };
    if (status >= 500) return { canBeCalled: false, fault: `it is not ready (status ${status})` };
    return { canBeCalled: true };
  }

  #healthPath(): string {
    const { type } = this.#config;
    if (this.#kind === "Ollama" || (!this.#kind && type === "ollama")) return "/api/version";
    if (this.#kind === "vLLM" || this.#kind === "llama.cpp" || (!this.#kind && type === "vllm"))
      return "/health";
    return modelsPath;
  }
}
