/** A kind of provider: the API that it has, and its public address. */
export interface ProviderType {
  /** `openai`: chat completions; `anthropic`: messages; `command`: a program on the server's own host. */
  api: "openai" | "anthropic" | "command";
  /** The base URL of its public API, without `/v1`. Without one, an llm of the type needs a url of its own. */
  url?: string;
  /** It runs on machines of its users, and nobody bills its tokens. */
  isOwnMachine?: true;
}

/** Every type that an llm may have. Each is one line; the type is fixed when the llm is created. */
export const providerTypes = {
  anthropic: { api: "anthropic", url: "https://api.anthropic.com" },
  openai: { api: "openai", url: "https://api.openai.com" },
  azure: { api: "openai" },
  bedrock: { api: "openai" },
  cerebras: { api: "openai", url: "https://api.cerebras.ai" },
  deepseek: { api: "openai", url: "https://api.deepseek.com" },
  fireworks: { api: "openai", url: "https://api.fireworks.ai/inference" },
  gemini: { api: "openai", url: "https://generativelanguage.googleapis.com/v1beta/openai" },
  groq: { api: "openai", url: "https://api.groq.com/openai" },
  mistral: { api: "openai", url: "https://api.mistral.ai" },
  moonshot: { api: "openai", url: "https://api.moonshot.ai" },
  openrouter: { api: "openai", url: "https://openrouter.ai/api" },
  perplexity: { api: "openai", url: "https://api.perplexity.ai" },
  together: { api: "openai", url: "https://api.together.xyz" },
  vertex: { api: "openai" },
  xai: { api: "openai", url: "https://api.x.ai" },
  zai: { api: "openai", url: "https://api.z.ai/api/paas/v4" },
  vllm: { api: "openai", isOwnMachine: true },
  ollama: { api: "openai", isOwnMachine: true },
  "llama.cpp": { api: "openai", isOwnMachine: true },
  lmstudio: { api: "openai", isOwnMachine: true },
  sglang: { api: "openai", isOwnMachine: true },
  tgi: { api: "openai", isOwnMachine: true },
  "gemini-cli": { api: "command" },
} as const satisfies Readonly<Record<string, ProviderType>>;

export type LlmType = keyof typeof providerTypes;

export const llmTypes = Object.keys(providerTypes) as LlmType[];

const entries: readonly (readonly [LlmType, ProviderType])[] = llmTypes.map((type) => [
  type,
  providerTypes[type],
]);

/** Types that are called over HTTP. */
export const httpTypes: readonly LlmType[] = entries
  .filter(([, { api }]) => api !== "command")
  .map(([type]) => type);

/** Types that run on machines of their users. */
export const ownMachineTypes: ReadonlySet<string> = new Set(
  entries.filter(([, { isOwnMachine }]) => isOwnMachine).map(([type]) => type),
);

/** Returns the types with an API. */
export function typesOf(api: ProviderType["api"]): readonly LlmType[] {
  return entries.filter(([, type]) => type.api === api).map(([type]) => type);
}

/** Returns the base URLs of the types with an API; a type without a public address is not in it. */
export function defaultUrlsOf(api: ProviderType["api"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.flatMap(([type, { api: own, url }]) => (own === api && url !== undefined ? [[type, url]] : [])),
  );
}
