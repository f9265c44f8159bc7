import { type Static, Type } from "@sinclair/typebox";
import type { Flag } from "./define.ts";

const seconds = (description: string) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400, description }));
const dollars = (description: string) => Type.Number({ minimum: 0, maximum: 1_000_000, description });

/** The time limits of a call, in seconds. */
export const Timeouts = Type.Object(
  {
    connect: seconds("To connect to the provider (default 10)"),
    firstByte: seconds("From the last part of the request to the first byte of the response (default 300)"),
    silence: seconds("Between two pieces of a response (default 300)"),
  },
  { additionalProperties: false, description: "Time limits of a call, in seconds" },
);

/** The calls that an llm answers at a time, and the wait of further calls. `queueSeconds` needs `maxConcurrent`. */
export const CallLimits = Type.Object(
  {
    maxConcurrent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: "Calls at a time; further calls wait in a queue",
      }),
    ),
    queueSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 3600,
        description: "Seconds that a call waits in the queue before it is refused (default 30)",
      }),
    ),
  },
  { additionalProperties: false, description: "Limits on calls to the llm, whoever makes them" },
);

const rate = (description: string) => Type.Optional(dollars(description));

/** Rates of tokens, in US dollars for a million. */
const tokenRates = {
  input: dollars("Input tokens"),
  output: dollars("Output tokens"),
  cachedInput: rate("Input tokens from the provider's cache (default: as input)"),
  cacheWrite: rate(
    "Input tokens that are written to the provider's cache (default: as input; type anthropic: 1.25 times that)",
  ),
  cacheWrite1h: rate(
    "Input tokens that are cached for an hour (default: as cacheWrite; type anthropic: twice the input)",
  ),
  audioInput: rate("Input tokens of audio (default: as input)"),
  audioOutput: rate("Output tokens of audio (default: as output)"),
  imageInput: rate("Input tokens of images (default: as input)"),
  imageOutput: rate("Output tokens of images (default: as output)"),
};

/** US dollars, for a million tokens and for other units. */
export const Price = Type.Object(
  {
    ...tokenRates,
    image: rate("One image of the answer"),
    second: rate("One second of audio"),
    character: rate("A million characters that are spoken"),
    search: rate("One search of a rerank, of up to 100 documents, or of the web"),
    fileSearch: rate("One search of files that the provider keeps"),
    container: rate("One container at the provider in which code runs"),
    request: rate("One call, beside its tokens"),
    longContext: Type.Optional(
      Type.Object(
        {
          above: Type.Integer({ minimum: 1, description: "Input tokens above which these rates hold" }),
          ...tokenRates,
        },
        {
          additionalProperties: false,
          description: "The rates of all tokens of a call with more input tokens than `above`",
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    description: "US dollars for a million tokens; the built-in price list when left out",
  },
);

export type Price = Static<typeof Price>;

const yesNo = (description: string) => Type.Optional(Type.Boolean({ description }));

/** Ways in which the provider or the model differs from others. They hold over those that the program knows. */
export const Quirks = Type.Object(
  {
    maxOutputTokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "The most tokens of one answer; larger limits are lowered to it",
      }),
    ),
    limitField: Type.Optional(
      Type.Union([Type.Literal("max_tokens"), Type.Literal("max_completion_tokens")], {
        description: "The field of a chat request that limits the answer",
      }),
    ),
    laterSystem: yesNo("It takes system messages behind the first turn; elsewhere they join the user's turn"),
    openaiFields: yesNo("It takes OpenAI's fields that only describe or tune, such as prompt_cache_key"),
    sampling: yesNo("False: it refuses temperature, top_p, top_k and penalties, which are left out"),
    toolTurnReasoning: yesNo("It refuses tool turns of the history without reasoning: they get a blank"),
    plainHistory: yesNo("It refuses fields of earlier answers that OpenAI does not have: they are left out"),
    unversioned: yesNo("Paths of calls follow the url without /v1"),
    dropUnsupported: yesNo(
      "Leave out settings of sampling that it does not have, instead of refusing the call",
    ),
    without: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        maxItems: 50,
        description:
          "Top-level fields that are left out of translated requests; temperature, stop and their like of all",
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "How the provider or the model differs from others of its type",
  },
);

const tokens = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000, description }));

/** The capabilities of a model, as far as they are known. */
export const Capabilities = Type.Object(
  {
    contextTokens: tokens("The most tokens of a request and its answer together"),
    maxOutputTokens: tokens("The most tokens of one answer"),
    vision: yesNo("It reads images"),
    tools: yesNo("It calls tools"),
    reasoning: yesNo("It reasons before it answers"),
  },
  {
    additionalProperties: false,
    description: "What the model can do; asked of the provider where it tells, and yours hold over its own",
  },
);

export type Capabilities = Static<typeof Capabilities>;

/** The fields of an llm that were keys of its `extraConfig` in earlier versions. */
export const movedSettings = [
  "timeouts",
  "limits",
  "price",
  "responses",
  "allowModelOverride",
  "quirks",
] as const;

/** True if a key of an `extraConfig` is a field of the llm now. */
export function isMovedSetting(key: string | undefined): boolean {
  return movedSettings.some((setting) => setting === key);
}

export const settingFlags: Readonly<Record<string, Flag>> = {
  "max-concurrent": { field: "limits.maxConcurrent" },
  "queue-seconds": { field: "limits.queueSeconds" },
  price: {
    field: "price",
    parse: "pairs",
    value: "NAME=DOLLARS",
    description: "US dollars for a million tokens: input, output, cachedInput, cacheWrite, …",
  },
  timeouts: {
    field: "timeouts",
    parse: "pairs",
    value: "NAME=SECONDS",
    description: "Time limits of a call: connect, firstByte, silence",
  },
  capabilities: {
    field: "capabilities",
    parse: "pairs",
    value: "NAME=VALUE",
    description: "What the model can do: contextTokens, maxOutputTokens, vision, tools, reasoning",
  },
};
