/** A set of units of text, as sorted ranges of codes: [first, last], which do not touch. */
export type CharSet = readonly (readonly [number, number])[];

const lastCode = 0xff_ff;

export function unionOf(...sets: readonly CharSet[]): CharSet {
  const ranges = sets.flat().sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [from, to] of ranges) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function complementOf(set: CharSet): CharSet {
  const rest: [number, number][] = [];
  let from = 0;
  for (const [first, last] of set) {
    if (first > from) rest.push([from, first - 1]);
    from = last + 1;
  }
  return from <= lastCode ? [...rest, [from, lastCode]] : rest;
}

export const digits: CharSet = [[48, 57]];
export const wordCharacters: CharSet = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
export const spaces: CharSet = [
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x16_80, 0x16_80],
  [0x20_00, 0x20_0a],
  [0x20_28, 0x20_29],
  [0x20_2f, 0x20_2f],
  [0x20_5f, 0x20_5f],
  [0x30_00, 0x30_00],
  [0xfe_ff, 0xfe_ff],
];
export const lineEnds: CharSet = [
  [10, 10],
  [13, 13],
  [0x20_28, 0x20_29],
];

/** Returns a set with the other case of each of its letters. */
export function withBothCases(set: CharSet): CharSet {
  const added: [number, number][] = [];
  for (const [first, last] of set)
    for (let code = first; code <= Math.min(last, first + 2000); code++) {
      const text = String.fromCharCode(code);
      for (const other of [text.toLowerCase(), text.toUpperCase()])
        if (other.length === 1 && other !== text) added.push([other.charCodeAt(0), other.charCodeAt(0)]);
    }
  return unionOf(set, added);
}
