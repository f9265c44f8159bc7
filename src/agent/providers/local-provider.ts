import { adapterFor } from "../../adapters/index.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure, type Outbound } from "../../net/outbound.ts";
import { providerUrl } from "../../net/provider-url.ts";
import { readPrivateFile } from "../../private-file.ts";
import { operations } from "../../wire/dialects/operations.ts";
import type { LlmState, PublishedProvider } from "../../wire/link/registration.ts";
import type { ProviderConfig } from "../core/config.ts";
import type { LocalProvider, Runtime } from "../core/provider.ts";
import { CountedAnswer } from "./counted-answer.ts";

/** Milliseconds. A model that is large, or a prompt that is long, may take minutes to the first token. */
const timeouts = { connect: 5_000, firstByte: 900_000, silence: 900_000 };

/** The calls that one runtime is answering. */
export class Calls {
  inFlight = 0;
  #idle: (() => void)[] = [];

  /** Resolves when none runs. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** One begins. Returns what is to be called when it is over, once or more often. */
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
 * A provider that can be called.
 *
 * @param runtime what keeps the server behind it up; it is closed with the provider
 * @param calls those that the runtime is answering
 * @param onFailure a call met no server, or lost it
 */
export function createLocalProvider(
  config: ProviderConfig,
  {
    runtime,
    calls,
    outbound,
    onFailure,
  }: { runtime: Runtime; calls: Calls; outbound: Outbound; onFailure(): void },
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
    async call(operation, body, signal) {
      // The server says which operation, never a path.
      if (![...adapter.operations, ...(adapter.optional ?? [])].includes(operation))
        throw new AppError("not_supported", `the provider has no call for ${operation.replace("_", " ")}`);
      const headers = { "content-type": "application/json", ...adapter.headers(readApiKey(config)) };
      const [over, leave] = [calls.begin(), runtime.enter()];
      const finish = () => {
        signal.removeEventListener("abort", finish);
        leave();
        over();
      };
      // An answer that nobody reads, because its caller has gone, is over as well.
      signal.addEventListener("abort", finish, { once: true });
      try {
        const url = providerUrl(runtime.url, operations[operation].path);
        const answer = await outbound(url, { method: "POST", headers, body, timeouts, signal });
        return new CountedAnswer(answer, (failure) => {
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

/** The llm type that a provider is spoken to as. */
export function calledType(type: string): string {
  return type === "vllm-managed" ? "vllm" : type;
}

/**
 * The key of a provider, read anew each time, so that it can be replaced. Undefined where it needs none.
 *
 * @throws AppError `secret_unavailable` when the file is not there, is empty or can be read by others; the path is in
 * its cause only, because callers are told the message
 */
export function readApiKey({ apiKeyFile }: ProviderConfig): string | undefined {
  if (apiKeyFile === undefined) return undefined;
  let cause: unknown;
  try {
    const key = readPrivateFile(apiKeyFile, { secret: true })?.trim();
    if (key) return key;
    cause = new Error(`${apiKeyFile} ${key === undefined ? "does not exist" : "is empty"}`);
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
    // There is no word for one that is inactive here: heartbeats tell it.
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
