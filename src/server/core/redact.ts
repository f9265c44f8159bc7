const redacted = "[redacted]";

/** What provider keys look like, wherever they come from (T35). */
const keyLike =
  /\b(?:sk|pk|rk|key|gsk|xai|hf)[-_][A-Za-z0-9_\-*]{8,}|\bAIza[A-Za-z0-9_-]{20,}|\bBearer\s+[A-Za-z0-9._~+/=-]{8,}/gi;

/** A text without the key, and without anything that looks like one. */
export function redact(text: string, key: string | undefined): string {
  let plain = text;
  // As it is, and as JSON writes it, where a part of an answer is told as it stands.
  for (const form of key ? [key, JSON.stringify(key).slice(1, -1)] : [])
    plain = withoutBeginning(plain.replaceAll(form, redacted), form);
  return plain.replace(keyLike, redacted);
}

/** What was cut off in the middle of a key ends in the key's beginning. */
function withoutBeginning(text: string, key: string): string {
  for (let length = key.length - 1; length > 3; length--)
    if (text.endsWith(key.slice(0, length))) return text.slice(0, -length) + redacted;
  return text;
}
