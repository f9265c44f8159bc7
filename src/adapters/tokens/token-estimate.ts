/**
 * Estimates the tokens of a text in one pass without a dictionary. The text is cut roughly as the tokenizers o200k and
 * cl100k cut it: a word with the space or mark before it, digits by threes, runs of marks, blanks up to a line end. The
 * tokens of each piece were fitted to English, German and source code, where the estimate is within 15 % of both.
 */
export function estimateTokens(text: string): number {
  const { length } = text;
  let tokens = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const kind = code < known ? kinds[code]! : foreign;
    if (kind === foreign) {
      at++;
      tokens += foreignTokens(code);
      continue;
    }
    const end = kind <= capital ? wordEnd(text, at) : runEnd(text, at + 1, kind);
    if (kind <= capital) tokens += wordTokens(text, at, end);
    else if (kind === blank) tokens += blankTokens(text, at, end);
    else if (kind === digit) tokens += Math.ceil((end - at) / 3);
    else tokens += markTokens(text, at, end);
    at = end;
  }
  return Math.ceil(tokens);
}

const small = 0;
const accented = 1;
const capital = 2;
const digit = 3;
const blank = 4;
const mark = 5;
const foreign = 6;

/** Characters from this code on are counted one by one. */
const known = 0x250;
const lineFeed = 10;
const space = 32;

/** The kind of character of each code: reading a table is the fastest test. */
const kinds = Uint8Array.from({ length: known }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[a-z]/.test(character)) return small;
  if (/[A-Z]/.test(character)) return capital;
  if (/[0-9]/.test(character)) return digit;
  if (/[ \t\r\n]/.test(character)) return blank;
  if (code < 128) return mark;
  return /\p{L}/u.test(character) ? accented : foreign;
});

/** Most words of up to so many letters are one token. */
const shortWord = 6;

function wordTokens(text: string, start: number, end: number): number {
  let accents = 0;
  for (let at = start; at < end; at++) if (text.charCodeAt(at) > 127) accents++;
  return 1 + Math.max(0, end - start - shortWord) * 0.32 + accents * 0.6;
}

/** A word ends where a capital follows a small letter, as in `camelCase`. */
function wordEnd(text: string, start: number): number {
  let at = start;
  let hasSmall = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const kind = code < known ? kinds[code]! : foreign;
    if (kind > capital || (kind === capital && hasSmall)) break;
    if (kind !== capital) hasSmall = true;
  }
  return at;
}

function runEnd(text: string, from: number, kind: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code >= known || kinds[code] !== kind) break;
    at++;
  }
  return at;
}

function blankTokens(text: string, start: number, end: number): number {
  let line = end - 1;
  while (line >= start && text.charCodeAt(line) !== lineFeed) line--;
  // The indentation of a line is a token of its own, except for the space that belongs to the next word.
  if (line >= start) return end - line - 1 > 1 ? 1.6 : 1;
  if (end - start > 1) return 1;
  return text.charCodeAt(start) === space ? 0 : 0.5;
}

/** A mark often forms one token with the word or the line end after it. */
function markTokens(text: string, start: number, end: number): number {
  const tokens = 1 + (end - start - 1) * 0.15;
  if (end === text.length) return tokens;
  const next = text.charCodeAt(end);
  if (next < known && kinds[next]! <= capital) return tokens - 0.55;
  return next === lineFeed ? tokens - 0.6 : tokens;
}

/** Returns the tokens of one UTF-16 unit of a script without Latin letters. */
function foreignTokens(code: number): number {
  // Ideographs, kana and Hangul.
  if ((code >= 0x3040 && code < 0x3100) || (code >= 0x3400 && code < 0xa000)) return 0.75;
  if (code >= 0xac00 && code < 0xd7b0) return 0.75;
  // Greek to Arabic: words, of shorter pieces.
  if (code >= 0x370 && code < 0x780) return 0.4;
  // Mostly half an emoji.
  return code >= 0xd800 && code < 0xe000 ? 1 : 0.8;
}
