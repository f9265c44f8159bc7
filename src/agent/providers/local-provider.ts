import { endpointOf } from "../../adapters/endpoint.ts";
import { adapterFor, isMakersUrl } from "../../adapters/index.ts";
import { AppError } from "../../errors.ts";
import { uncompressed } from "../../net/inflated-response.ts";
import { HttpFailure, type Outbound } from "../../net/outbound.ts";
import { readPrivateFile } from "../../private-file.ts";
import { operations } from "../../wire/dialects/operations.ts";
import { headerFault } from "../../wire/header-value.ts";
import { hopsHeader, nextHop } from "../../wire/hops.ts";
import type { LlmState, PublishedProvider } from "../../wire/link/registration.ts";
import type { ProviderConfig } from "../core/config.ts";
import type { LocalProvider, Runtime } from "../core/provider.ts";
import { CountedResponse } from "./counted-response.ts";

/** Milliseconds. A large model or a long prompt may need minutes to the first token. */
const timeouts = { connect: 5_000, firstByte: 900_000, silence: 900_000 };

/** Counts the calls of one runtime. */
export class CallCounter {
  inFlight = 0;
  #idle: (() => void)[] = [];

  /** Resolves when no call runs. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Begins a call. Returns a function that ends it; calling that again does nothing. */
  begin(): () => void {
    let isOver = false;
    this.inFlight++;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--this.inFlight > 0) return;
      for (const resolve of this.#idle.splice(0)) resolve();
    };
  }
}

/**
 * Creates a provider that can be called.
 *
 * @param runtime the server behind it, which is closed with the provider
 * @param calls counts the calls of the runtime
 * @param onFailure called when a call has not reached the server, or has lost it
 */
export function createLocalProvider(
  config: ProviderConfig,
  {
    runtime,
    calls,
    outbound,
    onFailure,
  }: { runtime: Runtime; calls: CallCounter; outbound: Outbound; onFailure(): void },
): LocalProvider {
  const type = calledType(config.type);
  const adapter = adapterFor(type)!;

  const failed = (error: unknown) => {
    if (error instanceof HttpFailure && error.kind !== "cancelled") onFailure();
  };
  return {
    config,
    runtime,
    published: () => publishedAs(config, type, runtime),
    llmState: () => stateOf(runtime, calls.inFlight),
    async call(operation, body, signal, passed = 0) {
      // The server names an operation, never a path.
      if (![...adapter.operations, ...(adapter.optional ?? [])].includes(operation))
        throw new AppError("not_supported", `the provider has no call for ${operation.replace("_", " ")}`);
      const endpoint = endpointOf(type, runtime.url, config.model)!;
      const hops = String(nextHop(passed));
      const headers = {
        "content-type": "application/json",
        ...endpoint.headers(readApiKey(config)),
        ...(isMakersUrl(type, runtime.url) ? undefined : { [hopsHeader]: hops }),
      };
      const [over, leave] = [calls.begin(), runtime.enter()];
      const finish = () => {
        signal.removeEventListener("abort", finish);
        leave();
        over();
      };
      // A response that is not read, because its caller has gone, is over too.
      signal.addEventListener("abort", finish, { once: true });
      try {
        const url = endpoint.url(operations[operation].path);
        const response = await outbound(url, { method: "POST", headers, body, timeouts, signal });
        return new CountedResponse(uncompressed(response), (failure) => {
          finish();
          failed(failure);
        });
      } catch (error) {
        finish();
        failed(error);
        throw error;
      }
    },
    close: () => runtime.close(),
  };
}

/** Returns the llm type by which a provider is called. */
export function calledType(type: string): string {
  return type === "vllm-managed" ? "vllm" : type;
}

/**
 * Reads the key of a provider, each time from the file, so that it can be replaced. Undefined if it needs none.
 *
 * @throws AppError `secret_unavailable` when the file is missing, empty or readable by others. Callers see the message,
 *   so the path is only in the cause
 */
export function readApiKey({ apiKeyFile }: ProviderConfig): string | undefined {
  if (apiKeyFile === undefined) return undefined;
  let cause: unknown;
  try {
    const key = readPrivateFile(apiKeyFile, { secret: true })?.trim();
    const fault = key && headerFault(key);
    if (key && fault === undefined) return key;
    cause = new Error(`${apiKeyFile} ${key === undefined ? "does not exist" : (fault ?? "is empty")}`);
  } catch (error) {
    cause = error;
  }
  throw new AppError("secret_unavailable", "the provider's API key cannot be read", { cause });
}

function publishedAs(config: ProviderConfig, type: string, runtime: Runtime): PublishedProvider {
  const { name, publishName = name, model, tier, description, poolName, visibility } = config;
  const { state } = runtime;
  return {
    name: publishName,
    type,
    model,
    ...(tier && { tier }),
    ...(description !== undefined && { description }),
    ...(poolName !== undefined && { poolName }),
    ...(visibility && { visibility }),
    // A registration has no word for an inactive provider; a heartbeat has.
    ...(state !== "inactive" && { initialStatus: state === "active" ? "active" : "hibernating" }),
  };
}

function stateOf(runtime: Runtime, inFlight: number): LlmState {
  const { state } = runtime;
  const { resident } = runtime.describe();
  return {
    status: state === "waking" ? "hibernating" : state,
    ...(resident !== undefined && { resident }),
    inFlight,
  };
}
