import { isObject, parsedObject } from "../wire/json.ts";

/** The deepest error in an error that is read: a gateway's, its provider's, and that one's own. */
const deepest = 4;

/** Sentences of gateways that say only that something failed behind them: OpenRouter's, LiteLLM's. */
const saysNothing = /^(?:provider returned error|upstream error|internal server error|error)\.?$/i;

/**
 * Returns the sentence of an error object; undefined for none. Most providers have `message`; it may itself be JSON, or
 * an object. Others have FastAPI's `detail`, a list of `errors`, AWS' `Message`, `msg`, or MiniMax's `base_resp`. OpenRouter
 * keeps the words of its provider in `metadata.raw`: https://openrouter.ai/docs/api-reference/errors
 */
export function faultWords(error: Readonly<Record<string, unknown>>, depth = deepest): string | undefined {
  if (depth === 0) return undefined;
  const words =
    wordsIn(error.message, depth) ??
    text(error.Message) ??
    text(error.msg) ??
    detailWords(error.detail) ??
    listed(error.errors, depth) ??
    (isObject(error.base_resp) ? text(error.base_resp.status_msg) : undefined);
  const raw = isObject(error.metadata) ? wordsIn(error.metadata.raw, depth) : undefined;
  if (raw === undefined || raw === words) return words;
  return words === undefined || saysNothing.test(words) ? `${words ?? "the provider failed"}: ${raw}` : words;
}

/** Reads a sentence, or the error that it holds as JSON or as an object. */
function wordsIn(value: unknown, depth: number): string | undefined {
  if (isObject(value)) return inner(value, depth);
  const plain = text(value);
  if (!plain?.trimStart().startsWith("{")) return plain;
  const parsed = parsedObject(plain);
  return (parsed && inner(parsed, depth)) ?? plain;
}

function inner(value: object, depth: number): string | undefined {
  const fields = value as Readonly<Record<string, unknown>>;
  const { error } = fields;
  if (isObject(error)) return faultWords(error, depth - 1);
  return text(error) ?? faultWords(fields, depth - 1);
}

/** Reads FastAPI's `detail`: a sentence, or a list of faults. */
function detailWords(detail: unknown): string | undefined {
  if (!Array.isArray(detail)) return text(detail);
  const faults = detail.filter(isObject).map(({ loc, msg }) => {
    return Array.isArray(loc) ? `${loc.join(".")}: ${msg}` : String(msg);
  });
  return text(faults.join("; "));
}

/** Reads a list of sentences, or of errors. */
function listed(errors: unknown, depth: number): string | undefined {
  if (!Array.isArray(errors)) return undefined;
  const words = errors.map((one) => (isObject(one) ? faultWords(one, depth - 1) : text(one)));
  return text(words.filter(Boolean).join("; "));
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
