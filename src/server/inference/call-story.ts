import type { AppError } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";
import { redact } from "../core/redact.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import { causeOf } from "./failure.ts";
import { providerOf } from "./provider.ts";

/** The failure of an attempt as the audit log keeps it. The host and the words of the provider are for administrators. */
export interface FailureFacts {
  /** A code such as `CERT_HAS_EXPIRED`, or the kind of failure. */
  cause?: string;
  /** The proxy on the way. */
  proxy?: string;
  /** The host that was called. */
  host?: string;
  /** The provider's own words, without keys and without long quotations. */
  said?: string;
}

/** One attempt of a call that needed several. */
export interface RecordedAttempt extends FailureFacts {
  llm: string;
  status?: number;
  /** The code of the error. */
  error?: string;
  durationMs: number;
}

/** The most attempts of a call that are recorded. */
export const mostAttempts = 20;
const longestSentence = 300;
/** A quotation that is longer is cut: providers quote requests. */
const longestQuotation = 40;
const longestName = 100;

/** Returns the facts about a failure at an llm; only the cause for one that has nothing to do with its provider. */
export function failureFacts(error: AppError, llm: LlmRow | undefined): FailureFacts {
  const cause = causeOf(error);
  const proxy = systemReason(error)?.proxy;
  const said = wordsOfProvider(error);
  const host = llm && (cause !== undefined || said !== undefined) ? hostOf(llm) : undefined;
  return {
    ...(cause !== undefined && { cause }),
    ...(proxy !== undefined && { proxy }),
    ...(host !== undefined && { host }),
    ...(said !== undefined && { said }),
  };
}

/** Returns a text that a caller or a provider chose, for the audit log: one line, without keys, and short. */
export function scrubbed(text: string, longest = longestName): string {
  const line = redact(text, undefined).replace(/\s+/g, " ").trim();
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}

function wordsOfProvider({ provider, code, cause, message }: AppError): string | undefined {
  if (!provider) return undefined;
  const words = code === "provider_rejected_credential" ? cause : message;
  if (typeof words !== "string" || words === "") return undefined;
  return scrubbed(words.replace(quotation, shortened), longestSentence);
}

const quotation = /(["'`])((?:(?!\1)[^\n])*)\1/g;

function shortened(quoted: string, mark: string, inner: string): string {
  return inner.length > longestQuotation || /\s/.test(inner) ? `${mark}…${mark}` : quoted;
}

/** Returns the host of the provider of an llm; undefined for one behind a workstation agent or a command. */
function hostOf(llm: LlmRow): string | undefined {
  if (isVirtual(llm)) return undefined;
  try {
    const { adapter, url } = providerOf(llm);
    return adapter.isCommand ? undefined : url("/").host;
  } catch {
    return undefined;
  }
}
