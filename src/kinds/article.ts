/** Returns a noun with its article: `an llm`, `a user`. */
export function withArticle(noun: string): string {
  return `${/^(?:[aeio]|llm|rbac)/i.test(noun) ? "an" : "a"} ${noun}`;
}
