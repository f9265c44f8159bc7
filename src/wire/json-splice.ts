import type { JsonScan } from "./json.ts";

/**
 * Replaces values of the top-level object in JSON text; keys that the text lacks become its first ones. Every other
 * byte stays: big integers, the order of keys, white space. A value of undefined changes nothing.
 *
 * @param names As those of `spliceTexts`.
 */
export function spliceTopLevel(
  text: string,
  scan: JsonScan,
  values: Record<string, unknown>,
  names?: ReadonlyMap<string, string | null>,
): string {
  const texts = new Map<string, string>();
  for (const key in values) if (values[key] !== undefined) texts.set(key, JSON.stringify(values[key]));
  return texts.size === 0 && !names?.size ? text : spliceTexts(text, scan, texts, names);
}

/**
 * Does the same with values that are JSON text already.
 *
 * @param names New names of keys. A key with the name null is removed, with its value and one comma.
 */
export function spliceTexts(
  text: string,
  scan: JsonScan,
  texts: ReadonlyMap<string, string>,
  names: ReadonlyMap<string, string | null> = noNames,
): string {
  let rest = "";
  let from = scan.inside;
  let isFirst = true;
  for (const member of scan.members) {
    const { key, end } = member;
    const value = texts.get(key);
    // Members that stay as they are go along with the next one that does not. Where one is removed, each stands alone.
    if (value === undefined && names.size === 0) continue;
    const name = names.get(key);
    if (name !== null) {
      const lead = text.slice(from, member.start);
      rest += names.size === 0 ? lead : renamed(lead, name, isFirst);
      rest += value ?? text.slice(member.start, end);
      isFirst = false;
    }
    from = end;
  }
  rest += text.slice(from);
  let added = "";
  for (const [key, value] of texts)
    if (!hasKey(scan, key)) added += `${added === "" ? "" : ","}${JSON.stringify(key)}:${value}`;
  const isAlone = names.size === 0 ? scan.members.length === 0 : isFirst;
  return text.slice(0, scan.inside) + added + (added === "" || isAlone ? "" : ",") + rest;
}

/** Returns what stands before a value with another name of its key, and without the comma before the first key. */
function renamed(lead: string, name: string | undefined, isFirst: boolean): string {
  const joined = isFirst ? lead.replace(/^\s*,/, "") : lead;
  return name === undefined ? joined : joined.replace(keyText, () => JSON.stringify(name));
}

function hasKey({ members }: JsonScan, key: string): boolean {
  for (const member of members) if (member.key === key) return true;
  return false;
}

const noNames: ReadonlyMap<string, null> = new Map();
const noTexts: ReadonlyMap<string, string> = new Map();
const keyText = /"(?:[^"\\]|\\.)*"/;

/** Removes a key of the top-level object from JSON text. Every other byte stays, but for one comma. */
export function withoutTopLevel(text: string, scan: JsonScan, key: string): string {
  return spliceTexts(text, scan, noTexts, new Map([[key, null]]));
}
