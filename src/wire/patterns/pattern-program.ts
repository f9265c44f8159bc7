import { type CharSet, lineEnds, wordCharacters } from "./char-set.ts";
import { type Assertion, PatternFault, type PatternNode, parsePattern } from "./parse-pattern.ts";

/**
 * One step of patterns: it reads a unit of a set and goes on at `next`, or it reads nothing and goes on at each of `next`,
 * if the assertion holds.
 */
export interface ProgramStep {
  /** The classes of units that it reads: true at the index of each. */
  reads?: readonly boolean[];
  assertion?: Assertion;
  next: readonly number[];
}

/** Patterns as one program. Units that no pattern tells apart are one class. */
export interface PatternProgram {
  steps: readonly ProgramStep[];
  start: number;
  accept: number;
  /** The steps before each that read nothing. */
  before: readonly (readonly number[])[];
  /** The class of each code. */
  classes: Uint16Array;
  classCount: number;
  /** True for classes of characters of words, and of ends of lines. */
  isWord: readonly boolean[];
  isLineEnd: readonly boolean[];
  hasAssertions: boolean;
}

/** The most steps of the patterns of one list. */
const maxSteps = 2000;
/** The most nodes that are put together for them; a repetition of nothing makes no steps. */
const maxNodes = 20_000;

/** A step before units have classes. */
interface DraftStep {
  set?: CharSet;
  assertion?: Assertion;
  next: number[];
}

/** Returns the reason why a pattern cannot be used; undefined if it can. */
export function faultOfPattern(pattern: string): string | undefined {
  try {
    compilePatterns([pattern]);
    return undefined;
  } catch (error) {
    if (error instanceof PatternFault) return error.message;
    throw error;
  }
}

/** Puts patterns together: the program finds what any of them matches. Throws PatternFault. */
export function compilePatterns(patterns: readonly string[]): PatternProgram {
  const drafts: DraftStep[] = [{ next: [] }];
  const accept = 0;
  const add = (step: DraftStep): number => {
    if (drafts.length >= maxSteps) throw tooLarge();
    return drafts.push(step) - 1;
  };
  let nodes = 0;
  const compile = (node: PatternNode, next: number): number => {
    if (++nodes > maxNodes) throw tooLarge();
    switch (node.is) {
      case "set":
        return add({ set: node.set, next: [next] });
      case "assertion":
        return add({ assertion: node.at, next: [next] });
      case "sequence":
        return node.parts.reduceRight((behind, part) => compile(part, behind), next);
      case "choice":
        return add({ next: node.parts.map((part) => compile(part, next)) });
      case "repeat": {
        let behind = next;
        if (node.most === undefined) {
          behind = add({ next: [next] });
          drafts[behind]!.next.push(compile(node.part, behind));
        } else {
          for (let i = node.least; i < node.most; i++)
            behind = add({ next: [next, compile(node.part, behind)] });
        }
        for (let i = 0; i < node.least; i++) behind = compile(node.part, behind);
        return behind;
      }
    }
  };
  const starts = patterns.map((pattern) => compile(parsePattern(pattern), accept));
  const start = add({ next: starts });
  const sets = new Set(drafts.flatMap(({ set }) => (set ? [set] : [])));
  const { classes, samples } = classesOf([...sets, wordCharacters, lineEnds]);
  const membersOf = oncePerSet((set) => samples.map((code) => hasCode(set, code)));
  return {
    steps: drafts.map(({ set, ...step }) => (set ? { ...step, reads: membersOf(set) } : step)),
    start,
    accept,
    before: stepsBefore(drafts),
    classes,
    classCount: samples.length,
    isWord: membersOf(wordCharacters),
    isLineEnd: membersOf(lineEnds),
    hasAssertions: drafts.some(({ assertion }) => assertion !== undefined),
  };
}

/** Returns the class of each code, and one code of each class. */
function classesOf(sets: readonly CharSet[]): { classes: Uint16Array; samples: number[] } {
  const limits = new Set([0]);
  for (const [from, to] of sets.flat()) limits.add(from).add(to + 1);
  const samples = [...limits].filter((code) => code <= 0xff_ff).sort((a, b) => a - b);
  // Ranges that belong to the same sets are one class.
  const known = new Map<string, number>();
  const classes = new Uint16Array(0x1_00_00);
  const firsts: number[] = [];
  for (const [i, code] of samples.entries()) {
    const key = sets.map((set) => (hasCode(set, code) ? "1" : "0")).join("");
    let own = known.get(key);
    if (own === undefined) {
      own = firsts.push(code) - 1;
      known.set(key, own);
    }
    classes.fill(own, code, samples[i + 1] ?? 0x1_00_00);
  }
  return { classes, samples: firsts };
}

function hasCode(set: CharSet, code: number): boolean {
  return set.some(([from, to]) => from <= code && code <= to);
}

function oncePerSet<Value>(compute: (set: CharSet) => Value): (set: CharSet) => Value {
  const known = new Map<CharSet, Value>();
  return (set) => {
    const value = known.get(set) ?? compute(set);
    known.set(set, value);
    return value;
  };
}

function stepsBefore(drafts: readonly DraftStep[]): number[][] {
  const before: number[][] = drafts.map(() => []);
  for (const [step, { set, next }] of drafts.entries())
    if (!set) for (const target of next) before[target]!.push(step);
  return before;
}

function tooLarge(): PatternFault {
  return new PatternFault("it is too large: its repetitions multiply");
}
