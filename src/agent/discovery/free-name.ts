/** Returns a name that is not taken: the wanted one, or one with a number. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const name = wanted.slice(0, 90).replace(/-+$/, "");
  if (!taken.has(name)) return name;
  for (let count = 2; ; count++) if (!taken.has(`${name}-${count}`)) return `${name}-${count}`;
}
