import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PatternCover } from "../../../src/wire/patterns/pattern-cover.ts";
import { faultOfPattern } from "../../../src/wire/patterns/pattern-program.ts";

/** Returns a text with what patterns match in brackets. */
async function marked(patterns: string[], text: string): Promise<string> {
  const ranges = await new PatternCover(patterns).rangesIn(text);
  return [...ranges]
    .reverse()
    .reduce((all, [from, to]) => `${all.slice(0, from)}<${all.slice(from, to)}>${all.slice(to)}`, text);
}

describe("patterns", () => {
  it.each([
    ["sk-[A-Za-z0-9]{4,}", "key sk-abcd12 and sk-x", "key <sk-abcd12> and sk-x"],
    ["\\bcat\\b", "cat concat cats cat.", "<cat> concat cats <cat>."],
    ["^#.*$", "#a\nb #c\n#d", "<#a>\nb #c\n<#d>"],
    ["(?i)pass(word)?=\\S+", "PASSWORD=x; pass=yz Pass=", "<PASSWORD=x;> <pass=yz> Pass="],
    ["[^\\s@]+@[\\w.-]+\\.\\w{2,}", "write a.b@ex.org now", "write <a.b@ex.org> now"],
    ["a|bc|", "xabcx", "x<abc>x"],
    ["(?:ab){2}", "ababab", "<ababab>"],
    ["(?<x>a{2,3}?)", "baaab", "b<aaa>b"],
    ["\\u00e4\\x41[\\]\\-a]", "äA] äA- äAb", "<äA]> <äA-> äAb"],
    ["a{,2}", "a{,2}", "<a{,2}>"],
    ["", "abc", "abc"],
    ["[]", "abc", "abc"],
  ])("%s in %s", async (pattern, text, expected) => {
    expect(await marked([pattern], text)).toBe(expected);
  });

  it("match together, and overlapping matches are one", async () => {
    expect(await marked(["abc", "cd", "x"], "abcd x")).toBe("<abcd> <x>");
  });

  it("cover each unit that belongs to some match, as a search at every place finds", async () => {
    const part = fc.constantFrom(
      "a",
      "b",
      "ab",
      "[ab]",
      ".",
      "a?",
      "b*",
      "(?:a|bc)+",
      "\\b",
      "^",
      "$",
      "c{2,3}",
      "\\w",
      "\\s",
    );
    const patterns = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "\n"), maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(patterns, text, async (pattern, subject) => {
        const covered = new Set<number>();
        for (let from = 0; from < subject.length; from++)
          for (let to = from + 1; to <= subject.length; to++) {
            const isMatch = matchesExactly(pattern, subject, from, to);
            if (isMatch) for (let at = from; at < to; at++) covered.add(at);
          }
        const ranges = await new PatternCover([pattern]).rangesIn(subject);
        expect(
          new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))),
        ).toEqual(covered);
      }),
      { numRuns: 200 },
    );
  });

  it("take linear time where searching takes ages (T212)", async () => {
    for (const pattern of ["(a+)+$", "(a|a)*b", "(.*a){12}b", "a*a*a*a*a*a*c", "(a|aa)+$", "([a-z]+)*="]) {
      expect(faultOfPattern(pattern)).toBeUndefined();
      await new PatternCover([pattern]).rangesIn("a".repeat(200_000));
    }
  });

  it("that would need too much memory for a text are given up, and work for the next", async () => {
    const cover = new PatternCover(["(a|b)*a(a|b){14}c"]);
    let seed = 1;
    const next = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % 2 === 0 ? "a" : "b";
    };
    const noise = Array.from({ length: 60_000 }, next).join("");
    await expect(cover.rangesIn(noise)).rejects.toThrow("too much memory");
    expect(await cover.rangesIn(`${"a".repeat(15)}c`)).toEqual([[0, 16]]);
  });

  it.each([
    ["(a", 'a "(" has no ")"'],
    ["a)", 'there is a ")" without its "("'],
    ["*", 'nothing to repeat before "*"'],
    ["[a", "it ends too early"],
    ["a\\", "it ends too early"],
    ["[z-a]", "a range in [] has its ends the wrong way round"],
    ["(a)\\1", "\\1 is not supported"],
    ["(?=a)", "looking around and flags of a group are not supported"],
    ["(?<!a)b", "looking around and flags of a group are not supported"],
    ["\\p{L}", "\\p is not supported"],
    ["a{2,1}", "{2,1} has its numbers the wrong way round"],
    ["a{2000}", "{2000} repeats more than 1000 times"],
    ["(a{100}){100}", "it is too large: its repetitions multiply"],
    ["((){1000}){1000}", "it is too large: its repetitions multiply"],
    [`${"(".repeat(60)}a${")".repeat(60)}`, "groups have more than 50 levels"],
  ])("are refused: %s", (pattern, fault) => {
    expect(faultOfPattern(pattern)).toBe(fault);
  });
});

/** True if a pattern matches exactly a part of a text, in its place: the rest is looked around. */
function matchesExactly(pattern: string, text: string, from: number, to: number): boolean {
  const marks = `(?<=(?<![^])[^]{${from}})(?:${pattern})(?=[^]{${text.length - to}}(?![^]))`;
  return new RegExp(marks, "m").test(text);
}
