import { AppError } from "../../errors.ts";
import {
  type Fields,
  isEmpty,
  isFalse,
  isGiven,
  isZero,
  objectAt,
  refused,
  refuseOthers,
  textAt,
} from "../translation/request-fields.ts";
import { conversation } from "./conversation.ts";

/** The input of one run of the command. */
export interface GeminiRequest {
  /** Written to stdin. */
  prompt: string;
  /** The content of the system-prompt file. */
  system: string;
  /** Settings of the generation, with the names of the Gemini API. */
  generation: Generation;
}

/**
 * Settings of the generation. They are numbers only: the command replaces `$NAME` in every string of its settings with the
 * environment variable, and one variable is the key.
 */
export interface Generation {
  temperature?: number;
  topP?: number;
  maxOutputTokens?: number;
  seed?: number;
}

/** The command reads so many bytes of stdin and drops the rest in silence. */
const longestPrompt = 8 * 1024 * 1024;

const jsonInstruction = "Answer with one JSON object and nothing else.";

const known = [
  ...["model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"],
  ...["temperature", "top_p", "seed", "response_format"],
  // Dropped: they change neither the answer nor its form.
  ...["user", "store", "metadata", "service_tier", "safety_identifier"],
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"],
];

/** Fields without a counterpart, and the values with which they ask for nothing. */
const neutral = {
  n: (value: unknown) => value === 1,
  stop: isEmpty,
  presence_penalty: isZero,
  frequency_penalty: isZero,
  logit_bias: isEmpty,
  logprobs: isFalse,
  top_logprobs: isZero,
  tools: isEmpty,
  tool_choice: (value: unknown) => value === "none",
  functions: isEmpty,
  modalities: (value: unknown) => Array.isArray(value) && value.every((one) => one === "text"),
};

/**
 * Translates a chat request to a prompt for the gemini command. Fields without a counterpart are refused by name: tools,
 * images, `stop`, a schema, and every unknown field.
 *
 * @throws AppError `invalid_request`; `payload_too_large` when the command would cut the prompt short
 */
export function geminiRequest(body: Fields): GeminiRequest {
  refuseOthers(body, "", known, neutral);
  const { prompt, system } = conversation(body["messages"]);
  if (Buffer.byteLength(prompt) > longestPrompt)
    throw new AppError("payload_too_large", "the conversation is over 8 MiB, which gemini does not take");
  const instruction = wantsJson(body["response_format"]) ? `\n\n${jsonInstruction}` : "";
  return { prompt, system: system + instruction, generation: generationOf(body) };
}

function generationOf(body: Fields): Generation {
  const temperature = numberAt(body, "temperature");
  const topP = numberAt(body, "top_p");
  const seed = numberAt(body, "seed");
  const maxOutputTokens = numberAt(body, "max_completion_tokens") ?? numberAt(body, "max_tokens");
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
  };
}

function wantsJson(value: unknown): boolean {
  if (!isGiven(value)) return false;
  const type = textAt(objectAt(value, "/response_format")["type"], "/response_format/type");
  if (type === "text") return false;
  if (type === "json_object") return true;
  throw refused(
    "/response_format/type",
    `response_format of type ${type} has no counterpart at the llm's provider`,
  );
}

function numberAt(body: Fields, name: string): number | undefined {
  const value = body[name];
  if (!isGiven(value)) return undefined;
  if (typeof value !== "number") throw refused(`/${name}`, `${name} must be a number`);
  return value;
}
