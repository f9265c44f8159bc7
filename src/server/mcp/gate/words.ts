/** Words that say nothing about what a text is about. */
const empty: ReadonlySet<string> = new Set(
  (
    "the and for are but not you your our with this that these those from have has had was were will would can could " +
    "should shall may might must about into onto over under than then there here when where which what who why how " +
    "all any each every some more most other use used using make made does did done its his her their them they all " +
    "of it is to in on at by or as be do if no so we us an my me up out off am go " +
    "please want need get set let new old also just only very much many how one two"
  ).split(" "),
);

/** The most characters of a text whose words are looked at. */
const maxText = 20_000;

/**
 * Returns the words of a text in the form in which they are compared: lower case, without endings of plurals. `createUser`,
 * `create_user` and `create-users` have the same words.
 */
export function wordsOf(text: string): Set<string> {
  const found = new Set<string>();
  const parted = text.slice(0, maxText).replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2");
  for (const [word] of parted.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu))
    if (!empty.has(word) && (word.length > 1 || /[^a-z0-9]/.test(word))) found.add(stemOf(word));
  return found;
}

/** Returns a word without the ending of a plural or a form of a verb, where enough of it stays. */
function stemOf(word: string): string {
  if (word.length > 5 && word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (word.length > 6 && word.endsWith("ing")) return withoutE(word.slice(0, -3));
  if (word.length > 5 && word.endsWith("ed")) return withoutE(word.slice(0, -2));
  if (word.length > 4 && word.endsWith("es")) return withoutE(word.slice(0, -2));
  if (word.length > 3 && word.endsWith("s") && !word.endsWith("ss")) return withoutE(word.slice(0, -1));
  return withoutE(word);
}

/** `write` and `writing`, `test` and `tests`, `plan` and `planning` have one stem each. */
function withoutE(stem: string): string {
  const plain = stem.length > 3 && stem.endsWith("e") ? stem.slice(0, -1) : stem;
  return plain.length > 3 && /([bdgmnprt])\1$/.test(plain) ? plain.slice(0, -1) : plain;
}
