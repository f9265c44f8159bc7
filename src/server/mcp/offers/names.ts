import { createHash } from "node:crypto";

/** The most characters of a name. Clients put their own prefix before it, and refuse long ones. */
const maxLength = 64;

/** Returns a name that clients accept: 1 to 64 of `[A-Za-z0-9_.-]`. A name that has to change ends in a hash of itself. */
export function acceptableName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_.-]/g, "_");
  if (plain === name && plain.length > 0 && plain.length <= maxLength) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${plain.slice(0, maxLength - hash.length - 1)}_${hash}`;
}

/**
 * Returns the name under which something is offered: its own, or with a prefix if another one has that name already.
 *
 * @param taken the names of those that came earlier, whose names do not change
 */
export function offeredName(own: string, prefix: string, taken: { has(name: string): boolean }): string {
  const plain = acceptableName(own);
  if (!taken.has(plain)) return plain;
  const prefixed = acceptableName(`${prefix}_${own}`);
  for (let n = 2, name = prefixed; ; n++) {
    if (!taken.has(name)) return name;
    name = acceptableName(`${prefix}_${own}_${n}`);
  }
}

/** Returns the URI under which a resource is offered: its own, or one that names its server if another has that URI. */
export function offeredUri(own: string, prefix: string, taken: { has(uri: string): boolean }): string {
  if (!taken.has(own)) return own;
  for (let n = 1; ; n++) {
    const uri = `mcpctl://${encodeURIComponent(n === 1 ? prefix : `${prefix}-${n}`)}/${own}`;
    if (!taken.has(uri)) return uri;
  }
}
