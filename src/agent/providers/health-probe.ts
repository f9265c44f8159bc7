import { isIP } from "node:net";
import { adapterFor } from "../../adapters/index.ts";
import type { Outbound } from "../../net/outbound.ts";
import { modelsPath } from "../../wire/dialects/operations.ts";
import type { ProviderConfig } from "../core/config.ts";
import { fingerprint, modelsOf, type RuntimeKind, residency } from "../discovery/fingerprints.ts";
import { namesModel } from "../discovery/model-names.ts";
import { createProbe, type Probe, type ProbeResponse } from "../discovery/probe.ts";

/** How a server was found. */
export interface HealthReport {
  /** It can take calls, as far as can be told without one. */
  answers: boolean;
  /** Its list of models names the model; undefined when it has no list that can be read. */
  listed?: boolean | undefined;
  resident?: boolean | undefined;
  /** What keeps it from being called, in a few words that name no host. */
  fault?: string;
}

/** Milliseconds that one question may take. */
const patience = 2_000;

/** Names that stand for machines of one's own, also where they are spoken to over TLS. */
const ownNames = /\.(local|lan|internal|home\.arpa|ts\.net)$/;

/**
 * Whether a provider is one of the world's and not a server of one's own: at its maker's address, or at another that is
 * spoken to over TLS by a public name. One with a wake recipe is one's own.
 */
export function isPublicProvider({ type, url = "", wake }: ProviderConfig): boolean {
  if (wake) return false;
  if (adapterFor(type)?.defaultUrls[type] === url) return true;
  const { protocol, hostname } = new URL(url);
  const isPublicName = hostname.includes(".") && isIP(hostname) === 0 && !ownNames.test(hostname);
  return protocol === "https:" && isPublicName;
}

/** Looks how a server is, by paths that neither load nor wake anything. */
export class HealthProbe {
  readonly #outbound: Outbound;
  readonly #config: ProviderConfig;
  readonly #apiKey: () => string | undefined;
  /** What it was when it last answered, null for none that is known: its port may be another one's by now. */
  #kind: RuntimeKind | null | undefined;

  constructor(outbound: Outbound, config: ProviderConfig, apiKey: () => string | undefined) {
    this.#outbound = outbound;
    this.#config = config;
    this.#apiKey = apiKey;
  }

  /** Never fails: what goes wrong is what is seen. */
  async look(signal: AbortSignal): Promise<HealthReport> {
    const { type, url } = this.#config;
    const adapter = adapterFor(type)!;
    let headers: Record<string, string>;
    try {
      headers = adapter.headers(this.#apiKey());
    } catch {
      return { answers: false, fault: "its API key cannot be read" };
    }
    const probe = createProbe(this.#outbound, url!, { milliseconds: patience, headers, signal });
    // The list of a public one may leave out models, and comes in pages: only that it answers is of use.
    if (isPublicProvider(this.#config)) return healthOf(await probe(modelsPath));
    const known = this.#kind;
    const report = await this.#lookAt(probe);
    const isAnother = known && report.answers && report.listed === undefined;
    if (!isAnother) return report;
    this.#kind = undefined;
    return this.#lookAt(probe);
  }

  async #lookAt(probe: Probe): Promise<HealthReport> {
    const { model } = this.#config;
    if (this.#kind === undefined) this.#kind = (await fingerprint(probe)) ?? null;
    const health = healthOf(await probe(this.#healthPath()));
    if (!health.answers) {
      this.#kind = undefined;
      return health;
    }
    const kind = this.#kind ?? undefined;
    const listed = (await modelsOf(kind, probe))?.some((name) => namesModel(name, model));
    if (listed === false)
      return { answers: true, listed, fault: "its list of models does not name this one" };
    return { answers: true, listed, resident: await residency(kind, probe, model) };
  }

  #healthPath(): string {
    const { type } = this.#config;
    if (this.#kind === "Ollama" || (!this.#kind && type === "ollama")) return "/api/version";
    if (this.#kind === "vLLM" || this.#kind === "llama.cpp" || (!this.#kind && type === "vllm"))
      return "/health";
    return modelsPath;
  }
}

function healthOf(look: ProbeResponse | undefined): HealthReport {
  if (!look) return { answers: false, fault: "it does not answer" };
  const { status } = look;
  if (status === 401 || status === 403) return { answers: false, fault: "it refuses the API key" };
  if (status >= 500) return { answers: false, fault: `it is not ready (status ${status})` };
  return { answers: true };
}
