/** Shorter values are found everywhere. Characters. */
const minLength = 4;

/** Returns a secret value as it is, in JSON, in JSON within JSON, in a URL and in base64; and its lines. */
export function secretForms(value: string): string[] {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
  const whole = [
    value,
    inJson(value),
    inJson(inJson(value)),
    encodeURIComponent(value.toWellFormed()),
    ...base64FormsOf(value),
  ];
  return [...whole, ...value.split(/\r?\n/)].filter((form) => form.length >= minLength);
}

/**
 * Returns the characters that stand for a value in base64 and base64url, alone or within a longer text, as that of a user and
 * a password: the bytes before it decide where its groups of three begin.
 */
function base64FormsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    // The first and the last character may have bits of what stands beside the value.
    const isWhole = (before + bytes.length) % 3 === 0;
    const within = text.slice(Math.ceil((before * 4) / 3), isWhole ? undefined : -1);
    return [within, within.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
