import { nextTurn } from "../next-turn.ts";
import { compilePatterns, type PatternProgram } from "./pattern-program.ts";

/** A range of a text: [begin, end). */
export type TextRange = readonly [begin: number, end: number];

/** The most sets of steps that are remembered. A text that needs more is refused. */
const maxSets = 2000;

/** The units of a text that are read in one turn of the event loop: a few milliseconds. */
const turnUnits = 256 * 1024;

/** Steps that are possible at one place of a text, with what follows from them. */
interface StepSet {
  id: number;
  has: Uint8Array;
  /** The set behind each class of units and context; undefined where it was not needed yet. */
  after: (StepSet | undefined)[];
}

/** The sets of one direction, each once. */
class StepSets {
  readonly #known = new Map<string, StepSet>();
  readonly all: StepSet[] = [];

  of(has: Uint8Array): StepSet {
    const key = Buffer.from(has).toString("latin1");
    const found = this.#known.get(key);
    if (found) return found;
    if (this.all.length >= maxSets) throw new Error("the patterns need too much memory for this text");
    const set = { id: this.all.length, has, after: [] };
    this.#known.set(key, set);
    this.all.push(set);
    return set;
  }
}

/**
 * Finds what patterns match. A text is read twice, whatever the patterns are: backwards for the steps from which a match
 * can end, and forwards for the steps that a match can have reached. A unit at which both meet belongs to a match. So no
 * pattern takes more than linear time (T212).
 */
export class PatternCover {
  readonly #program: PatternProgram;
  #tables: CoverTables;

  /** @throws PatternFault */
  constructor(patterns: readonly string[]) {
    this.#program = compilePatterns(patterns);
    this.#tables = new CoverTables(this.#program);
  }

  /**
   * Returns the ranges of a text that any pattern matches, in order; those that touch are one.
   *
   * @throws Error if the text needs more memory than it may have
   */
  async rangesIn(text: string): Promise<TextRange[]> {
    const tables = this.#tables;
    try {
      return await tables.rangesIn(text);
    } finally {
      // Texts after this one begin anew, while those under way keep the tables that they began with.
      if (tables.isLarge && this.#tables === tables) this.#tables = new CoverTables(this.#program);
    }
  }
}

/** Sets of steps, and what follows from them, as far as texts have needed them. */
class CoverTables {
  readonly #program: PatternProgram;
  readonly #ahead = new StepSets();
  readonly #behind = new StepSets();
  /** True for sets of both directions that meet. */
  readonly #meets = new Map<number, boolean>();
  /** Work since the last turn of the event loop, in units. */
  #work = 0;

  constructor(program: PatternProgram) {
    this.#program = program;
  }

  get isLarge(): boolean {
    return Math.max(this.#ahead.all.length, this.#behind.all.length) > maxSets / 2;
  }

  async rangesIn(text: string): Promise<TextRange[]> {
    return this.#find(text, await this.#readBackwards(text));
  }

  /** Returns the sets of steps from which a match can end, by place. */
  async #readBackwards(text: string): Promise<Uint16Array> {
    const { length } = text;
    const ids = new Uint16Array(length + 1);
    let set = this.#ahead.of(this.#endingAt(this.#context(text, length)));
    ids[length] = set.id;
    for (let at = length - 1; at >= 0; at--) {
      const key = this.#keyAt(text, at);
      let before = set.after[key];
      if (!before) {
        before = this.#ahead.of(this.#before(set, key));
        set.after[key] = before;
      }
      set = before;
      ids[at] = set.id;
      if (++this.#work > turnUnits) await this.#turn();
    }
    return ids;
  }

  async #find(text: string, ids: Uint16Array): Promise<TextRange[]> {
    const ranges: [number, number][] = [];
    let set = this.#behind.of(new Uint8Array(this.#program.steps.length));
    for (let at = 0; at < text.length; at++) {
      const key = this.#keyAt(text, at);
      let after = set.after[key];
      if (!after) {
        after = this.#behind.of(this.#after(set, key));
        set.after[key] = after;
      }
      set = after;
      if (this.#meet(set, ids[at + 1]!)) {
        const last = ranges.at(-1);
        if (last && last[1] === at) last[1]++;
        else ranges.push([at, at + 1]);
      }
      if (++this.#work > turnUnits) await this.#turn();
    }
    return ranges;
  }

  #turn(): Promise<void> {
    this.#work = 0;
    return nextTurn();
  }

  #meet(behind: StepSet, aheadId: number): boolean {
    if (behind.id === 0) return false;
    const key = behind.id * (maxSets + 1) + aheadId;
    const known = this.#meets.get(key);
    if (known !== undefined) return known;
    const { has } = this.#ahead.all[aheadId]!;
    const meets = behind.has.some((is, step) => is === 1 && has[step] === 1);
    // Pairs could be many more than sets.
    if (this.#meets.size > maxSets * 10) this.#meets.clear();
    this.#meets.set(key, meets);
    return meets;
  }

  /** Returns a number for a unit and its neighbours, as far as they matter. */
  #keyAt(text: string, at: number): number {
    const { classes, classCount, hasAssertions } = this.#program;
    const unit = classes[text.charCodeAt(at)]!;
    return hasAssertions ? this.#context(text, at) * classCount + unit : unit;
  }

  /** Returns what assertions ask at a place: bits for a word before and after it, and for the begin and end of a line. */
  #context(text: string, at: number): number {
    const { classes, isWord, isLineEnd, hasAssertions } = this.#program;
    if (!hasAssertions) return 0;
    const before = at > 0 ? classes[text.charCodeAt(at - 1)]! : -1;
    const after = at < text.length ? classes[text.charCodeAt(at)]! : -1;
    return (
      (before >= 0 && isWord[before] ? 1 : 0) +
      (after >= 0 && isWord[after] ? 2 : 0) +
      (before < 0 || isLineEnd[before] ? 4 : 0) +
      (after < 0 || isLineEnd[after] ? 8 : 0)
    );
  }

  /** Returns the steps that a match can be at behind a unit. It may also have begun before that. */
  #after({ has }: StepSet, key: number): Uint8Array {
    const { steps, start, classCount } = this.#program;
    this.#work += steps.length;
    const reached = new Uint8Array(has);
    reached[start] = 1;
    const context = Math.floor(key / classCount);
    const next = new Uint8Array(steps.length);
    const waiting = [...reached.keys()].filter((step) => reached[step] === 1);
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      const { reads, assertion, next: targets } = steps[step]!;
      if (reads) {
        if (reads[key % classCount]) for (const target of targets) next[target] = 1;
        continue;
      }
      if (assertion && !holds(assertion, context)) continue;
      for (const target of targets) {
        if (reached[target] === 1) continue;
        reached[target] = 1;
        waiting.push(target);
      }
    }
    return next;
  }

  /** Returns the steps before a unit from which a match can end, given those behind it. */
  #before({ has }: StepSet, key: number): Uint8Array {
    const { steps, classCount } = this.#program;
    const unit = key % classCount;
    const able = this.#endingAt(Math.floor(key / classCount));
    for (const [step, { reads, next }] of steps.entries())
      if (reads?.[unit] && has[next[0]!] === 1) able[step] = 1;
    return this.#closed(able, Math.floor(key / classCount));
  }

  /** Returns the steps that lead to the end of a match without reading. */
  #endingAt(context: number): Uint8Array {
    const able = new Uint8Array(this.#program.steps.length);
    able[this.#program.accept] = 1;
    return this.#closed(able, context);
  }

  /** Adds the steps that lead to those of a set without reading. */
  #closed(able: Uint8Array, context: number): Uint8Array {
    const { steps, before } = this.#program;
    this.#work += steps.length;
    const waiting = [...able.keys()].filter((step) => able[step] === 1);
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop())
      for (const earlier of before[step]!) {
        const { assertion } = steps[earlier]!;
        if (able[earlier] === 1 || (assertion && !holds(assertion, context))) continue;
        able[earlier] = 1;
        waiting.push(earlier);
      }
    return able;
  }
}

function holds(assertion: string, context: number): boolean {
  if (assertion === "lineStart") return (context & 4) > 0;
  if (assertion === "lineEnd") return (context & 8) > 0;
  const isEdge = (context & 1) > 0 !== (context & 2) > 0;
  return assertion === "wordEdge" ? isEdge : !isEdge;
}
