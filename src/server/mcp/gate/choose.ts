import type { Digest } from "../../core/catalogue/prompt-digest.ts";
import { wordsOf } from "./words.ts";

/** A prompt as far as a choice looks at it. */
export interface RatedPrompt {
  name: string;
  priority: number;
  description: string;
  digest: Digest;
  /** The bytes that it takes in an answer. */
  bytes: number;
}

/** The task that a model is about to do, in its own words. */
export interface GateTask {
  task?: string;
  tags?: readonly string[];
}

/** A prompt with the decision about it. */
export interface Choice<C extends RatedPrompt = RatedPrompt> {
  prompt: C;
  score: number;
  isGiven: boolean;
  /** The reason, for people: `database (name), migrate (description): 5 × priority 7`. */
  why: string;
}

/** The priority of prompts that are always given. */
export const always = 10;

/** The bytes of prompts that an answer has in all. */
export const budget = 24 * 1024;

/** The weight of a word by the place where it stands. */
const places = [
  ["name", 4, ({ name }: RatedPrompt) => name],
  ["description", 3, ({ description }: RatedPrompt) => description],
  ["summary", 1, ({ digest }: RatedPrompt) => digest.summary],
  ["chapters", 1, ({ digest }: RatedPrompt) => digest.chapters.join(" ")],
] as const;
/** The factor for a word that the model gave as a tag. */
const tagFactor = 2;

/** The most words of a reason that are shown. */
const maxShownWords = 6;

/**
 * Chooses prompts for a task. Those of priority 10 come first, always. The others have a score: the words of the task that
 * they have too, by the place where these stand, times their priority. They are given as long as the budget lasts. Without
 * any words, the priority alone is the score.
 *
 * @param picked names that an llm has chosen, the best first, instead of the scores
 */
export function choosePrompts<C extends RatedPrompt>(
  prompts: readonly C[],
  task: GateTask,
  picked?: readonly string[],
): Choice<C>[] {
  const scored = scorePrompts(prompts, task);
  const rank = new Map(picked?.map((name, i) => [name, i]));
  const ordered = picked
    ? scored.toSorted(
        (a, b) => (rank.get(a.prompt.name) ?? Infinity) - (rank.get(b.prompt.name) ?? Infinity) || 0,
      )
    : scored;
  const isAlways = ({ prompt }: { prompt: C }) => prompt.priority >= always;
  let left = budget;
  return [...ordered.filter(isAlways), ...ordered.filter((one) => !isAlways(one))].map((one): Choice<C> => {
    const { prompt, score, why } = one;
    if (isAlways(one)) {
      // One that does not fit is cut.
      left = Math.max(0, left - prompt.bytes);
      return { prompt, score, isGiven: true, why: `priority ${always}: always` };
    }
    const isWanted = picked ? rank.has(prompt.name) : score > 0;
    if (!isWanted) return { prompt, score, isGiven: false, why: picked ? "the llm did not choose it" : why };
    const reason = picked ? `the llm chose it as number ${rank.get(prompt.name)! + 1}` : why;
    if (prompt.bytes > left)
      return {
        prompt,
        score,
        isGiven: false,
        why: `${reason}; there is no room for its ${prompt.bytes} bytes`,
      };
    left -= prompt.bytes;
    return { prompt, score, isGiven: true, why: reason };
  });
}

interface Scored<C extends RatedPrompt> {
  prompt: C;
  score: number;
  why: string;
}

/** Returns the prompts with their scores, the highest first. */
export function scorePrompts<C extends RatedPrompt>(
  prompts: readonly C[],
  { task = "", tags = [] }: GateTask,
): Scored<C>[] {
  const tagWords = wordsOf(tags.join(" "));
  const words = new Set([...tagWords, ...wordsOf(task)]);
  return prompts
    .map((prompt) => scoreOf(prompt, words, tagWords))
    .sort(
      (a, b) =>
        b.score - a.score ||
        b.prompt.priority - a.prompt.priority ||
        (a.prompt.name < b.prompt.name ? -1 : a.prompt.name > b.prompt.name ? 1 : 0),
    );
}

function scoreOf<C extends RatedPrompt>(
  prompt: C,
  words: ReadonlySet<string>,
  tags: ReadonlySet<string>,
): Scored<C> {
  const { priority } = prompt;
  if (words.size === 0) return { prompt, score: priority, why: `priority ${priority}; no task was given` };
  const own = places.map(([place, weight, textOf]) => ({ place, weight, has: wordsOf(textOf(prompt)) }));
  let sum = 0;
  const matches: string[] = [];
  for (const word of words) {
    const found = own.find(({ has }) => has.has(word));
    if (!found) continue;
    sum += found.weight * (tags.has(word) ? tagFactor : 1);
    matches.push(`${word} (${found.place})`);
  }
  if (sum === 0) return { prompt, score: 0, why: "no word of the task is in it" };
  const shown = matches.slice(0, maxShownWords).join(", ");
  const more = matches.length > maxShownWords ? ` and ${matches.length - maxShownWords} more` : "";
  return { prompt, score: sum * priority, why: `${shown}${more}: ${sum} × priority ${priority}` };
}
