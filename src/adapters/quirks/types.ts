import type { Operation } from "../../wire/dialects/operations.ts";

/** Efforts of reasoning, from the least to the most. */
export const efforts = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof efforts)[number];

export function isEffort(value: unknown): value is Effort {
  return (efforts as readonly unknown[]).includes(value);
}

/** Returns the least of the known efforts that is not below the one asked for; the highest where all are below it. */
export function nearestEffort(asked: Effort, known: readonly Effort[]): Effort {
  const rank = efforts.indexOf(asked);
  return known.find((effort) => efforts.indexOf(effort) >= rank) ?? known.at(-1) ?? asked;
}

/** The ids of tool calls that a provider takes. */
export interface CallIdForm {
  /** The most characters: letters, digits, `_` and `-`. */
  readonly longest: number;
  /** Exactly so many characters, letters and digits only. */
  readonly isExact?: true;
}

/** Ways in which a provider or a model differs from the others of its adapter. */
export interface Quirks {
  /** The provider's versions stand in its base URL: paths of calls follow without `/v1`. */
  readonly unversioned?: boolean;
  /** The header of the key, in place of `authorization`. */
  readonly keyHeader?: "api-key";
  /** Operations that the provider takes as they are, of those that its adapter calls optional. */
  readonly takes?: readonly Operation[];
  /** The most tokens that the model gives in one answer. */
  readonly maxOutputTokens?: number;
  /** The limit holds for requests in the model's own dialect, too: somebody said so of this very model. */
  readonly limitsNative?: boolean;
  /** The field of a chat request that limits the answer; `max_tokens` where none is named. */
  readonly limitField?: "max_tokens" | "max_completion_tokens";
  /** False: the model refuses `temperature`, `top_p`, `top_k` and penalties while it reasons. */
  readonly sampling?: boolean;
  /** Efforts of reasoning that the model takes, from the least to the most. Without any it is sent none. */
  readonly efforts?: readonly Effort[];
  /** The model takes the effort `none`, which switches reasoning off. */
  readonly effortNone?: boolean;
  /** The model reasons where a request names no effort. */
  readonly reasonsByDefault?: boolean;
  /** The model decides itself how long it thinks: it takes an effort instead of a budget of tokens. */
  readonly adaptiveThinking?: boolean;
  /** The forms of thinking that the model takes in messages; a refusal teaches it. */
  readonly thinkingForms?: readonly ("adaptive" | "enabled")[];
  /** False: the model does not take a JSON schema in `output_config.format`. */
  readonly outputFormat?: boolean;
  /** The ids of tool calls that it takes; any where nothing is said. */
  readonly callIds?: CallIdForm;
  /** Calls that the model answers better in responses than in chat go there: OpenAI itself. */
  readonly prefersResponses?: boolean;
  /** The model answers in responses only. */
  readonly responsesOnly?: boolean;
  /** The results of tool calls may hold images and files. */
  readonly resultParts?: boolean;
  /** At its `/v1/responses` the reasoning can be asked for in sealed form, to be sent back. */
  readonly sealedReasoning?: boolean;
  /** The llm says that its provider keeps answers and conversations for their callers. */
  readonly keepsState?: boolean;
  /** It refuses a history whose tool turns have no `reasoning_content`. */
  readonly toolTurnReasoning?: boolean;
  /** It refuses fields of earlier answers that OpenAI does not have, such as `reasoning_content`. */
  readonly plainHistory?: boolean;
  /** It refuses a history whose tool calls are not signed, and takes this for the signature of another model's. */
  readonly callSignature?: string;
  /** It refuses a history with a second system message, one behind the first turn, or one of role `developer`. */
  readonly oneSystem?: boolean;
  /** It takes texts only as the content of messages: no list of parts, and no null. */
  readonly textContent?: boolean;
  /** The provider takes system messages behind the first turn. Elsewhere their text goes into the user's turn. */
  readonly laterSystem?: boolean;
  /** The provider takes OpenAI's fields that describe a call or tune its cache, such as `prompt_cache_key`. */
  readonly openaiFields?: boolean;
  /** The provider reads the line about billing in the system prompt of Claude Code. */
  readonly billingLine?: boolean;
  /** False: with tools, the model takes no effort of reasoning in chat but `none`. */
  readonly effortWithTools?: boolean;
  /** Top-level fields of a request that the provider refuses, and that can be left out. */
  readonly without?: readonly string[];
  /** Settings of sampling without a counterpart are left out instead of refused. */
  readonly dropUnsupported?: boolean;
}

/** Returns a requested limit of output tokens, or the most that the model gives where that is less. */
export function withinLimit(requested: unknown, { maxOutputTokens }: Quirks): unknown {
  if (typeof requested !== "number" || maxOutputTokens === undefined) return requested;
  return Math.min(requested, maxOutputTokens);
}

/** An llm as far as its quirks depend on it. */
export interface QuirkSubject {
  type: string;
  /** `api.openai.com`; undefined where the provider is no server. */
  host?: string | undefined;
  /** The provider's name for the model. */
  model: string;
}

/** A pattern for models' names, or a range of versions: `from` is in it, `before` is not. */
export type ModelPattern = RegExp | { name: RegExp; from?: ModelVersion; before?: ModelVersion };

/** `4.6`, or `5` for `5.0` */
export type ModelVersion = `${number}`;

/** One row: the quirks of the llms that match every condition, and the page that states them. */
export interface QuirkRow extends Quirks {
  readonly when: {
    readonly type?: string;
    readonly host?: string | RegExp;
    readonly model?: ModelPattern;
  };
  readonly source: `https://${string}`;
}
