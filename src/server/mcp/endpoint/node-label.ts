/** Adds the label of a server to a value for a client, so that the client can come back to any of them: `RANDOM.LABEL`. */
export function withLabel(value: string, { own }: { own: string }): string {
  return `${value}.${own}`;
}

/** Takes a value of a client apart. */
export function labelled(value: string): { value: string; label?: string } {
  const dot = value.lastIndexOf(".");
  return dot < 0 ? { value } : { value: value.slice(0, dot), label: value.slice(dot + 1) };
}
