/** Texts that are to be replaced by a value. A server that starts with one fails later, in words of its own. */
const placeholders = [/^<[^<>]*>$/, /^\$\{.*\}$/, /^\{\{.*\}\}$/];

/** Texts that stand in examples where a key belongs. */
const exampleKeys = [
  // Words alone: a real key has more than these, and "my-secret-key" is one that people choose.
  /^(?:your|insert|enter|replace|put)[-_ ](?:[a-z]+\d?[-_ ])*(?:key|token|secret|password|here)$/i,
  /^my[-_ ](?:[a-z]+\d?[-_ ])+here$/i,
  /^(?:change|replace|fill)[-_ ]?(?:me|this|in)$/i,
  /^(?:todo|tbd|placeholder|redacted|x{3,}|\*{3,}|\.{3,}|…)$/i,
];

/** True for a text that stands in examples where a key belongs. */
export function isExample(value: string): boolean {
  return matches([...placeholders, ...exampleKeys], value);
}

/** True for a text that is to be replaced by a value. */
export function isPlaceholder(value: string): boolean {
  return matches(placeholders, value);
}

function matches(forms: readonly RegExp[], value: string): boolean {
  return forms.some((form) => form.test(value.trim()));
}
