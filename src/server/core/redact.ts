const redacted = "[redacted]";

/** The forms of providers' keys (T35), and of mcpctl's own bearers. */
const keyLike =
  /\bmcpctl_(?:ses|pat|acc|ref|cod)_[0-9a-z]{10,}|\b(?:sk|pk|rk|key|gsk|xai|hf)[-_][A-Za-z0-9_\-*]{8,}|\bAIza[A-Za-z0-9_-]{20,}|\bBearer\s+[A-Za-z0-9._~+/=-]{8,}/gi;

/**
 * Returns a text without a key, and without anything that looks like one.
 *
 * @param key the key that is known to be in use, if any
 */
export function redact(text: string, key: string | undefined): string {
  let plain = text;
  // The key as it is, and as JSON writes it: a part of a response may be quoted as it stands.
  for (const form of key ? [key, JSON.stringify(key).slice(1, -1)] : [])
    plain = withoutBeginning(plain.replaceAll(form, redacted), form);
  return plain.replace(keyLike, redacted);
}

/** Removes the beginning of a key at the end of a text that was cut off inside the key. */
function withoutBeginning(text: string, key: string): string {
  for (let length = key.length - 1; length > 3; length--)
    if (text.endsWith(key.slice(0, length))) return text.slice(0, -length) + redacted;
  return text;
}
