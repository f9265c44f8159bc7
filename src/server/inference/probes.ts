import { AppError } from "../../errors.ts";
import { llm as llmKind } from "../../kinds/llm.ts";
import { uncompressed } from "../../net/inflated-response.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { modelsPath } from "../../wire/dialects/operations.ts";
import { hopsHeader } from "../../wire/hops.ts";
import { reportedCapabilities } from "../core/capabilities.ts";
import { isOf, type LlmRow } from "../core/store/typed-rows.ts";
import type { InferenceDeps } from "./call.ts";
import { dueForReading, readCapabilities, readingInterval, retryInterval } from "./capability-reader.ts";
import { transportFailure } from "./failure.ts";
import type { HealthBook } from "./llm-health.ts";
import { keyOf, providerOf } from "./provider.ts";
import { isSuccess, refusalOf } from "./provider-response.ts";

const probeMilliseconds = 2000;

/** The result of a probe, in words for the caller. */
export interface ProbeResult {
  ok: boolean;
  message: string;
}

/** Asks providers for their models: to check url and key, and to learn what their models can do. */
export class Probes {
  readonly #deps: InferenceDeps;
  readonly #health: HealthBook;

  constructor(deps: InferenceDeps, health: HealthBook) {
    this.#deps = deps;
    this.#health = health;
  }

  /**
   * Asks the provider of an llm for its list of models, to check url and key. Never throws.
   *
   * @param showsWords true to repeat the words of the provider: for administrators, because the url may lead to an
   *   internal service that is none of the caller's business (T107)
   */
  async probe(llmId: string, showsWords: boolean): Promise<ProbeResult> {
    const llm = this.#deps.catalogue.snapshot.byId.get(llmId);
    if (!isOf(llmKind, llm)) return { ok: false, message: "the llm is gone" };
    try {
      const { adapter, headers, url } = providerOf(llm);
      if (adapter.isCommand) return await this.#probeCommand();
      const key = await keyOf(llm, this.#deps.secrets);
      const sent = await this.#deps.outbound(url(modelsPath), {
        method: "GET",
        headers: { ...headers(key), [hopsHeader]: "1" },
        timeouts: { connect: probeMilliseconds, firstByte: probeMilliseconds, silence: probeMilliseconds },
        signal: AbortSignal.timeout(probeMilliseconds),
      });
      const response = uncompressed(sent);
      if (!showsWords && response.status >= 400 && response.status !== 401) {
        response.cancel();
        return { ok: false, message: `the provider answers with status ${response.status}` };
      }
      if (!isSuccess(response)) throw await refusalOf(response, adapter, key);
      await this.#readCapabilities(llm, key, response);
      this.#health.succeeded(llm);
      return { ok: true, message: "the provider answers" };
    } catch (thrown) {
      const error = transportFailure(thrown);
      this.#health.failed(llm, error);
      const late = error.code === "client_closed_request" || error.code === "provider_timeout";
      return { ok: false, message: late ? "the provider did not answer within 2 s" : error.message };
    }
  }

  /**
   * Asks the providers of a few llms what their models can do, where this is not known or was told a day ago. The work of
   * one run, for a timer. Never throws.
   */
  async refreshCapabilities(): Promise<void> {
    const { catalogue, now } = this.#deps;
    for (const llm of dueForReading(catalogue.snapshot, now())) {
      const at = now() - readingInterval + retryInterval;
      const known = reportedCapabilities(catalogue.snapshot, llm);
      // Kept where the provider does not answer: it is asked again in an hour.
      catalogue.snapshot.volatile.capabilities.set(llm.id, { capabilities: known, at });
      await this.probe(llm.id, false);
    }
  }

  async #readCapabilities(llm: LlmRow, key: string | undefined, list: ProviderResponse): Promise<void> {
    const { catalogue, outbound, now } = this.#deps;
    const timeout = probeMilliseconds;
    const capabilities = await readCapabilities({ llm, key, list, outbound, timeout });
    if (catalogue.snapshot.byId.get(llm.id) !== llm) return;
    catalogue.snapshot.volatile.capabilities.set(llm.id, { capabilities, at: now() });
  }

  /** Checks if the command is installed. A command that is slow to answer counts as installed. */
  async #probeCommand(): Promise<ProbeResult> {
    const { gemini } = this.#deps;
    if (!gemini) return { ok: false, message: "this server runs no commands" };
    try {
      return { ok: true, message: `gemini ${await gemini.version(probeMilliseconds)}` };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "provider_timeout") throw error;
      return { ok: true, message: "gemini is installed, but slow to answer" };
    }
  }
}
