import type { ErrorMeaning } from "../errors.ts";

/** An error of a provider as far as its meaning depends on it. */
export interface MeantError {
  /** The HTTP status; undefined for an error in a stream that names none. */
  status: number | undefined;
  message: string;
  type: string | undefined;
  /** The fields of the provider's error object. */
  fields: Readonly<Record<string, unknown>>;
}

/** The words and codes of one meaning, in the order in which they are tried. */
interface MeaningRow {
  is: Exclude<ErrorMeaning["is"], "overflow">;
  statuses?: readonly number[];
  /** Values of `code`, `type` or `status` of the error. */
  codes?: readonly string[];
  words?: RegExp;
  /** True if the words have this meaning at every status. */
  isPlain?: true;
}

const rows: readonly MeaningRow[] = [
  {
    is: "quota",
    codes: ["insufficient_quota", "billing_error", "billing_not_active", "billing_hard_limit_reached"],
    statuses: [402],
    words: /credit balance is too low|insufficient (?:balance|credits?|funds)|exceeded your current quota/i,
  },
  {
    is: "sealed_elsewhere",
    codes: ["invalid_encrypted_content"],
    words:
      /encrypted.content .*(?:could|can) ?not be|invalid `?signature`? in `?thinking|thought.signature .*(?:not valid|invalid)|corrupted thought signature|thinking`? blocks in the latest assistant message cannot be modified/i,
  },
  {
    is: "moderation",
    codes: [
      "content_filter",
      "content_policy_violation",
      "moderation_blocked",
      "ResponsibleAIPolicyViolation",
    ],
    words: /\b(?:moderation|content (?:management )?policy|content filter)\b|\bwas flagged\b/i,
  },
  {
    is: "no_model",
    codes: ["model_not_found", "model_not_available", "ModelNotFound", "DeploymentNotFound"],
    words:
      /\bmodel:? \S+ (?:was |is )?(?:not found|not supported|not available|does not exist)|no such model/i,
  },
  {
    // llama.cpp, vLLM and SGLang fail with 500 when a chat template raises an error, or a model has no part for images.
    is: "unsupported_input",
    words:
      /\bjinja|\braise_exception\b|System message must be|roles must alternate|(?:image|audio|multimodal) (?:input|data) (?:is|are) not supported|\bmmproj\b|does not support (?:image|audio|multimodal)|chat template (?:error|is not supported)/i,
  },
  {
    // Gemini and xAI refuse a wrong key with 400.
    is: "credential",
    words:
      /\b(?:incorrect|invalid|expired) api[ _-]?key\b|\bapi[ _-]?key (?:is )?(?:not valid|invalid|expired)\b/i,
    isPlain: true,
  },
  {
    is: "credential",
    codes: ["invalid_api_key", "authentication_error", "API_KEY_INVALID", "UNAUTHENTICATED"],
    statuses: [401],
    words: /\b(?:api[ _-]?key|credentials?|access token|authenticat\w+|unauthori[sz]ed|missing scopes?)\b/i,
  },
];

/** Meanings that only a refusal of the caller or of the key can have: its words are no sign at other statuses. */
const needsRefusal: ReadonlySet<MeaningRow["is"]> = new Set(["credential", "moderation"]);

/** Returns the meaning of a provider's error; undefined for one that means nothing special. */
export function meaningOf(error: MeantError): ErrorMeaning | undefined {
  const overflow = overflowOf(error);
  if (overflow) return overflow;
  const { status, message, fields, type } = error;
  const codes = [fields.code, type, fields.type, fields.status].map(String);
  const found = rows.find(({ is, statuses, codes: known, words, isPlain }) => {
    if (known?.some((code) => codes.includes(code))) return true;
    // Gemini says "exceeded your current quota" for the limit of a minute, and tells when to try again.
    if (is === "quota" && tellsWait(fields)) return false;
    if (!isPlain && needsRefusal.has(is) && !isRefusal(status, is)) return false;
    // A refusal of the provider's own says the same by its status.
    if (is === "unsupported_input" && !(status !== undefined && status >= 500)) return false;
    return words?.test(message) || (statuses?.includes(status ?? 0) ?? false);
  });
  return found && { is: found.is };
}

function isRefusal(status: number | undefined, is: MeaningRow["is"]): boolean {
  return status === 401 || status === 403 || (is === "moderation" && status === 400);
}

function tellsWait({ details }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(details) && JSON.stringify(details).includes("RetryInfo");
}

const overflowCodes: ReadonlySet<unknown> = new Set([
  "context_length_exceeded",
  "context_window_exceeded",
  "exceed_context_size_error",
  "model_max_prompt_tokens_exceeded",
  "tokens_limit_reached",
]);

/**
 * The sentences with which providers refuse a request that does not fit into the context: OpenAI and DeepSeek, vLLM and
 * SGLang, llama.cpp, Anthropic, Gemini, Mistral, xAI, Groq, TGI and Together, Ollama, LM Studio, Cohere, Fireworks, Kimi,
 * GLM, Bedrock, GitHub, MiniMax, DashScope, Volcengine. `prompt`, `output` and `limit` are tokens.
 */
const overflowSentences: readonly RegExp[] = [
  /prompt is too long: (?<prompt>\d+) tokens > (?<limit>\d+) maximum/i,
  /exceed context limit: (?<prompt>\d+) \+ (?<output>\d+) > (?<limit>\d+)/i,
  /maximum context length is (?<limit>\d+) tokens.*?requested (?:about )?\d+ tokens \((?<prompt>\d+) [^,)]*, (?:\d+ of tool input, )?(?<output>\d+) in the (?:completion|output)/is,
  /maximum context length of (?<limit>\d+) tokens.*?: (?<prompt>\d+) tokens from the input messages and (?<output>\d+) tokens for the completion/is,
  /maximum context length is (?<limit>\d+) tokens and your request has (?<prompt>\d+) input tokens \((?<output>\d+) >/i,
  /maximum context length is (?<limit>\d+) tokens.*?requested (?<output>\d+) output tokens and your prompt contains (?:at least )?(?<prompt>\d+)/is,
  /passed (?<prompt>\d+) input tokens and requested (?<output>\d+) output tokens.*?context length is only (?<limit>\d+)/is,
  /\(total length (?<prompt>\d+)\) is too long to fit into the model \(context length (?<limit>\d+)/i,
  /current length is (?<prompt>\d+) while limit is (?<limit>\d+)/i,
  /maximum context length is (?<limit>\d+)(?: tokens)?.*?(?:resulted in|requested|has|contains?) (?<prompt>\d+)(?: input)? tokens/is,
  /\(length (?<prompt>\d+)\) is longer than the maximum model length of (?<limit>\d+)/i,
  /input \((?<prompt>\d+) tokens\) is longer than the model's context length \((?<limit>\d+)/i,
  /request \((?<prompt>\d+) tokens\) exceeds the available context size \((?<limit>\d+)/i,
  /exceeds the available context size \((?<limit>\d+) tokens\)/i,
  /input token count exceeds the maximum number of tokens allowed \(?(?<limit>\d+)/i,
  /input token count (?:\(|is )(?<prompt>\d+).*?maximum number of tokens allowed \(?(?<limit>\d+)/i,
  /contains (?<prompt>\d+) tokens .*?too large for model with (?<limit>\d+) maximum context length/i,
  /maximum prompt length is (?<limit>\d+) but the request contains (?<prompt>\d+) tokens/i,
  /`inputs` tokens \+ `max_new_tokens` must be <= (?<limit>\d+)\. Given: (?<prompt>\d+) `inputs` tokens and (?<output>\d+)/i,
  /`inputs` must have less than (?<limit>\d+) tokens\. Given: (?<prompt>\d+)/i,
  /keep the first (?<prompt>\d+) tokens when context .*?context length of only (?<limit>\d+)/i,
  /cannot exceed (?<limit>\d+) - received (?<prompt>\d+)/i,
  /prompt is too long: (?<prompt>\d+), model maximum context length: (?<limit>\d+)/i,
  /passed (?<prompt>\d+) input tokens.*?limit is (?<limit>\d+)/i,
  /exceeded model token limit: (?<limit>\d+) \(requested: (?<prompt>\d+)/i,
  /exceeded model token limit: (?<limit>\d+)/i,
  /prompt token count of (?<prompt>\d+) exceeds the limit of (?<limit>\d+)/i,
  /range of input length should be \[\d+, ?(?<limit>\d+)\]/i,
  /request body too large for .*? model\. max size: (?<limit>\d+) tokens/i,
  // Groq, with 413: no wait lets such a request pass the limit of a minute.
  /request too large for model .*?limit:? (?<limit>\d+), requested:? (?<prompt>\d+)/is,
  /input \((?<prompt>\d+) tokens\) is too large to process.*?current batch size: (?<limit>\d+)/is,
  /input is too large to process|exceed max message tokens|greater than the context length/i,
  /prompt (?:is )?too long|prompt exceeds max length|input is too long for requested model|reduce the length of the messages/i,
  /maximum (?:context|model) length|context (?:window|length|size) (?:(?:was |is |has been )?exceeded|exceeds (?:the )?limit)|exceed(?:s|ed)? (?:the )?(?:max(?:imum)? |model(?:'s)? |available )*context (?:window|length|size)/i,
];

/** The longest message that is searched. Providers cut their own far below this. */
const longestMessage = 2_000;

function overflowOf({ status, message, type, fields }: MeantError): ErrorMeaning | undefined {
  // Some send it as a failure of theirs, or in a stream without a status; never as a limit of rate.
  if (status === 429 || status === 401 || status === 403) return undefined;
  const text = message.slice(0, longestMessage);
  const isCoded = overflowCodes.has(fields.code) || overflowCodes.has(type);
  for (const sentence of overflowSentences) {
    const groups = sentence.exec(text)?.groups;
    if (!groups && !sentence.test(text)) continue;
    return {
      is: "overflow",
      prompt: count(groups?.["prompt"]) ?? count(fields.n_prompt_tokens),
      output: count(groups?.["output"]),
      limit: count(groups?.["limit"]) ?? count(fields.n_ctx),
    };
  }
  if (!isCoded) return undefined;
  return { is: "overflow", prompt: count(fields.n_prompt_tokens), limit: count(fields.n_ctx) };
}

function count(value: unknown): number | undefined {
  const number = Number(value ?? Number.NaN);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
