/** A text without the line break at its end, which `echo` and editors add. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}
