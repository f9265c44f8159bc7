/** Lines of vLLM's log that begin a phase of its start. The phases come in this order, and none comes twice. */
const phases: readonly (readonly [line: RegExp, phase: string])[] = [
  [/^/, "starting"],
  [/Initializing a V\d LLM engine|Starting to load model|Loading \w+ checkpoint shards/, "loading weights"],
  [/Loading (model )?weights took|Model loading took|torch\.compile cache|Dynamo bytecode/, "compiling"],
  [/torch\.compile takes|torch\.compile took|KV cache size|Available KV cache memory/, "allocating memory"],
  [/Capturing CUDA ?graph|Capturing the model for CUDA graphs/i, "capturing graphs"],
  [/Graph capturing finished|init engine .*took/, "opening its port"],
  [/Starting vLLM API server|Application startup complete/, "first request"],
];

/** The progress of a start, read from the log of vLLM 0.6 to 0.33. */
export class StartProgress {
  #at = 0;

  /** Reads one line of the log. */
  read(line: string): void {
    const next = phases.findLastIndex(([pattern]) => pattern.test(line));
    this.#at = Math.max(this.#at, next);
  }

  /** The phase in a few words: `loading weights`. */
  get phase(): string {
    return phases[this.#at]![1];
  }
}

/** Lines at the end of a log that show why vLLM has ended. Causes stand before consequences: the first match counts. */
const reasons: readonly (readonly [line: RegExp, reason: string])[] = [
  [/out of memory|OutOfMemoryError|less than desired GPU memory utilization/i, "out of GPU memory"],
  [/No available memory for the cache blocks/, "out of GPU memory"],
  [/larger than the (available|maximum).{0,40}KV cache/, "its context does not fit into the GPU's memory"],
  [/GatedRepoError|Access to model .* is restricted|awaiting a review/, "access to the model is refused"],
  [
    /RepositoryNotFoundError|Repository Not Found|not a valid model identifier|Invalid repository ID or local directory/,
    "the model is not there",
  ],
  [/No CUDA GPUs are available|Failed to infer device type|no NVIDIA driver/i, "there is no GPU"],
  [/address already in use/i, "its port is taken"],
  [/No space left on device/, "the disk is full"],
  [/unrecognized arguments|error: argument /, "it does not take one of its extra arguments"],
];

/** Returns the reason why vLLM has ended; undefined when its log shows no known one. */
export function knownReason(lines: readonly string[]): string | undefined {
  const text = lines.join("\n");
  return reasons.find(([pattern]) => pattern.test(text))?.[1];
}
