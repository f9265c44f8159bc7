import { describe, expect, it } from "vitest";
import { readProviderError } from "../../src/adapters/provider-fault.ts";

const meaning = (status: number, body: unknown) => readProviderError(status, JSON.stringify(body)).meaning;
const openai = (message: string, more: object = {}) => ({ error: { message, ...more } });

describe("the meaning of a provider's error", () => {
  it.each<[string, unknown, object]>([
    [
      "OpenAI",
      openai(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130462 tokens. Please reduce the length of the messages.",
      ),
      { prompt: 130462, limit: 128000 },
    ],
    [
      "DeepSeek",
      openai(
        "This model's maximum context length is 131072 tokens. However, you requested 133000 tokens (129000 in the messages, 4000 in the completion). Please reduce the length of the messages or completion.",
      ),
      { prompt: 129000, output: 4000, limit: 131072 },
    ],
    [
      "OpenRouter",
      openai(
        "This endpoint's maximum context length is 128000 tokens. However, you requested about 130000 tokens (120000 of text input, 2000 of tool input, 8000 in the output).",
      ),
      { prompt: 120000, output: 8000, limit: 128000 },
    ],
    [
      "vLLM and SGLang",
      openai(
        "Requested token count exceeds the model's maximum context length of 262144 tokens. You requested a total of 262462 tokens: 230462 tokens from the input messages and 32000 tokens for the completion.",
      ),
      { prompt: 230462, output: 32000, limit: 262144 },
    ],
    [
      "vLLM with a limit that is too large",
      openai(
        "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 16384 tokens and your request has 1000 input tokens (32000 > 16384 - 1000).",
      ),
      { prompt: 1000, output: 32000, limit: 16384 },
    ],
    [
      "newer vLLM",
      openai(
        "You passed 5001 input tokens and requested 100 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 3996 tokens.",
      ),
      { prompt: 5001, output: 100, limit: 4096 },
    ],
    [
      "newer vLLM, of a prompt that it did not read to its end",
      openai(
        "This model's maximum context length is 4096 tokens. However, you requested 100 output tokens and your prompt contains at least 3997 input tokens, for a total of at least 4097 tokens.",
      ),
      { prompt: 3997, output: 100, limit: 4096 },
    ],
    [
      "vLLM before",
      openai("The prompt (total length 9000) is too long to fit into the model (context length 8192)."),
      { prompt: 9000, limit: 8192 },
    ],
    [
      "Cerebras",
      openai(
        "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
      ),
      { prompt: 9000, limit: 8192 },
    ],
    [
      "older vLLM",
      openai("The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
      { prompt: 5000, limit: 4096 },
    ],
    [
      "SGLang",
      openai("The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
      { prompt: 5000, limit: 4096 },
    ],
    [
      "llama.cpp, in its fields",
      openai("the request exceeds the available context size (8192 tokens), try increasing it", {
        type: "exceed_context_size_error",
        n_prompt_tokens: 9000,
        n_ctx: 8192,
      }),
      { prompt: 9000, limit: 8192 },
    ],
    [
      "llama.cpp, in its words",
      openai("request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"),
      { prompt: 9000, limit: 8192 },
    ],
    [
      "Anthropic",
      openai("prompt is too long: 210000 tokens > 200000 maximum"),
      { prompt: 210000, limit: 200000 },
    ],
    [
      "Anthropic with its limit of output",
      openai("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease one"),
      { prompt: 190000, output: 20000, limit: 200000 },
    ],
    [
      "Gemini",
      openai("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
      { prompt: 1200000, limit: 1048576 },
    ],
    [
      "Mistral",
      openai(
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
      ),
      { prompt: 40000, limit: 32768 },
    ],
    [
      "xAI",
      openai("This model's maximum prompt length is 131072 but the request contains 200000 tokens."),
      { prompt: 200000, limit: 131072 },
    ],
    [
      "TGI",
      openai(
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 200 `max_new_tokens`",
      ),
      { prompt: 4000, output: 200, limit: 4096 },
    ],
    [
      "LM Studio",
      {
        error:
          "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens",
      },
      { prompt: 5000, limit: 4096 },
    ],
    ["Kimi", openai("Invalid request: Your request exceeded model token limit: 262144"), { limit: 262144 }],
    ["Groq, by its code", openai("too much", { code: "context_length_exceeded" }), {}],
    [
      "Kimi, with both numbers",
      openai("Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)"),
      { prompt: 300000, limit: 262144 },
    ],
    [
      "Gemini, with the limit alone",
      openai("The input token count exceeds the maximum number of tokens allowed 1048576."),
      { limit: 1048576 },
    ],
    [
      "Groq's limit of a minute",
      openai(
        "Request too large for model `x` in organization `org` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.",
      ),
      { prompt: 9000, limit: 6000 },
    ],
    [
      "Copilot",
      openai("prompt token count of 140000 exceeds the limit of 128000", {
        code: "model_max_prompt_tokens_exceeded",
      }),
      { prompt: 140000, limit: 128000 },
    ],
    [
      "GitHub Models",
      openai("Request body too large for gpt-4o model. Max size: 8000 tokens.", {
        code: "tokens_limit_reached",
      }),
      { limit: 8000 },
    ],
    [
      "DashScope",
      openai("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]"),
      { limit: 129024 },
    ],
    [
      "llama.cpp's batch",
      openai("input (1200 tokens) is too large to process. increase it (current batch size: 512)"),
      { prompt: 1200, limit: 512 },
    ],
    ["MiniMax", openai("invalid params, context window exceeds limit (2013)"), {}],
    ["Volcengine", openai("Total tokens of image and text exceed max message tokens"), {}],
    [
      "LM Studio's other sentence",
      {
        error: "The number of tokens to keep from the initial prompt is greater than the context length.",
      },
      {},
    ],
    ["its runtime", { error: "Context size has been exceeded." }, {}],
    ["vendors", openai("Exceeded model context window size"), {}],
    ["others", openai("total tokens exceed max context length"), {}],
    ["Bedrock", openai("Input is too long for requested model."), {}],
    ["Ollama", { error: "prompt too long; exceeded max context length by 12 tokens" }, {}],
  ])("is overflow for the words of %s", (_name, body, numbers) => {
    expect(meaning(400, body)).toEqual({ is: "overflow", ...numbers });
  });

  it.each<[string, number, unknown, string | undefined]>([
    [
      "a wrong key",
      401,
      openai("Incorrect API key provided: sk-abc***", { code: "invalid_api_key" }),
      "credential",
    ],
    ["a key without a right", 403, openai("Your API key does not have permission"), "credential"],
    [
      "Gemini's wrong key",
      400,
      [
        {
          error: {
            code: 400,
            message: "API key not valid. Please pass a valid API key.",
            status: "INVALID_ARGUMENT",
          },
        },
      ],
      "credential",
    ],
    ["xAI's wrong key", 400, { code: "x", error: "Incorrect API key provided: sk-***1." }, "credential"],
    [
      "a key without a scope",
      403,
      openai("You have insufficient permissions for this operation. Missing scopes: model.request"),
      "credential",
    ],
    ["a question about keys", 400, openai("messages[0] asks for an api key"), undefined],
    ["any 401", 401, openai("no"), "credential"],
    ["an unknown model with 401", 401, openai("Model no-such-model is not supported"), "no_model"],
    ["an unknown model", 404, openai("x", { code: "model_not_found" }), "no_model"],
    ["Ollama's unknown model", 404, { error: "model 'qwen' not found" }, "no_model"],
    ["moderation", 403, openai('Your input was flagged for "violence"'), "moderation"],
    ["Azure's filter", 400, openai("x", { code: "content_filter" }), "moderation"],
    ["a region", 403, openai("Country, region, or territory not supported"), undefined],
    ["no money", 429, openai("You exceeded your current quota", { code: "insufficient_quota" }), "quota"],
    ["no money at Anthropic", 400, openai("Your credit balance is too low to access the API"), "quota"],
    ["no money at DeepSeek", 402, openai("Insufficient Balance"), "quota"],
    ["a limit of rate", 429, openai("Rate limit reached for gpt-5 in organization"), undefined],
    ["a rate that names the context", 429, openai("maximum context length is per minute"), undefined],
    [
      "Gemini's limit of a minute",
      429,
      openai("You exceeded your current quota", {
        details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "23s" }],
      }),
      undefined,
    ],
    [
      "reasoning of another account",
      400,
      openai("The encrypted content gAAA could not be verified. Reason: it could not be decrypted"),
      "sealed_elsewhere",
    ],
    [
      "thinking that another account signed",
      400,
      openai(
        "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
      ),
      "sealed_elsewhere",
    ],
    [
      "a limit of output",
      400,
      openai("max_tokens is too large: 32000. This model supports at most 16384 completion tokens"),
      undefined,
    ],
    [
      "a bad parameter",
      400,
      openai("messages[0].content: context window must be a string of length 3"),
      undefined,
    ],
  ])("is right for %s", (_name, status, body, is) => {
    expect(meaning(status, body)?.is).toBe(is);
  });
});

describe("the time after which a provider allows a retry", () => {
  it.each<[string, unknown, number | undefined]>([
    [
      "Google's RetryInfo",
      openai("x", {
        details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "23.5s" }],
      }),
      23.5,
    ],
    ["a sentence", openai("Rate limit reached. Please try again in 1.2s. Visit …"), 1.2],
    ["milliseconds", openai("Please try again in 250ms"), 0.25],
    ["minutes", openai("try again in 6m0s"), 360],
    ["seconds in words", openai("Please retry after 30 seconds"), 30],
    ["none", openai("Rate limit reached in 5 ways"), undefined],
  ])("is read from %s", (_name, body, seconds) => {
    expect(readProviderError(429, JSON.stringify(body)).retryAfter).toBe(seconds);
  });
});
