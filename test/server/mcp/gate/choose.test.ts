import { describe, expect, it } from "vitest";
import { digestIn, plainDigest } from "../../../../src/server/core/catalogue/prompt-digest.ts";
import { budget, choosePrompts, type RatedPrompt } from "../../../../src/server/mcp/gate/choose.ts";
import { cutText, sliceText } from "../../../../src/server/mcp/gate/cut-text.ts";
import { wordsOf } from "../../../../src/server/mcp/gate/words.ts";

const prompt = (name: string, more: Partial<RatedPrompt> = {}): RatedPrompt => ({
  name,
  priority: 5,
  description: "",
  digest: { summary: "", chapters: [] },
  bytes: 1000,
  ...more,
});
const namesOf = (choices: readonly { prompt: RatedPrompt; isGiven: boolean }[], isGiven = true) =>
  choices.filter((one) => one.isGiven === isGiven).map((one) => one.prompt.name);

describe("choosePrompts", () => {
  it("gives priority 10 always and first, the others by words times priority", () => {
    const choices = choosePrompts(
      [
        prompt("migrations", { priority: 2 }),
        prompt("orders", { description: "How a migration of orders is made", priority: 9 }),
        prompt("colours", { priority: 9 }),
        prompt("safety", { priority: 10 }),
      ],
      { task: "Write the migration" },
    );
    expect(namesOf(choices)).toEqual(["safety", "orders", "migrations"]);
    expect(namesOf(choices, false)).toEqual(["colours"]);
    expect(choices.map(({ score, why }) => [score, why])).toEqual([
      [0, "priority 10: always"],
      [27, "migration (description): 3 × priority 9"],
      [8, "migration (name): 4 × priority 2"],
      [0, "no word of the task is in it"],
    ]);
  });

  it("counts a tag twice, and takes priority alone without words", () => {
    const prompts = [prompt("database"), prompt("tests", { priority: 6 })];
    const [first] = choosePrompts(prompts, { task: "tests", tags: ["database"] });
    expect([first!.prompt.name, first!.score]).toEqual(["database", 40]);
    expect(namesOf(choosePrompts(prompts, {}))).toEqual(["tests", "database"]);
    expect(namesOf(choosePrompts(prompts, { task: "and the of" }))).toEqual(["tests", "database"]);
  });

  it("keeps to the budget, and goes on with smaller ones", () => {
    const prompts = [
      prompt("big-test", { priority: 9, bytes: budget - 10 }),
      prompt("next-test", { priority: 8, bytes: 11 }),
      prompt("small-test", { priority: 7, bytes: 10 }),
    ];
    const choices = choosePrompts(prompts, { task: "test" });
    expect(namesOf(choices)).toEqual(["big-test", "small-test"]);
    expect(choices[1]!.why).toContain("there is no room for its 11 bytes");
  });

  it("takes the names of an llm in their order, and no others", () => {
    const prompts = [prompt("a-test"), prompt("b"), prompt("c", { priority: 10 })];
    const choices = choosePrompts(prompts, { task: "test" }, ["b", "unknown"]);
    expect(namesOf(choices)).toEqual(["c", "b"]);
    expect(choices.find((one) => one.prompt.name === "a-test")!.why).toBe("the llm did not choose it");
  });

  it("chooses among a thousand prompts", () => {
    const prompts = Array.from({ length: 1000 }, (_, i) =>
      prompt(`p${i}`, { description: i % 10 === 0 ? "deploy" : "other", bytes: 500 }),
    );
    const given = namesOf(choosePrompts(prompts, { task: "deploy it" }));
    expect(given).toHaveLength(Math.floor(budget / 500));
  });
});

describe("wordsOf", () => {
  it("finds the same words in all spellings, plurals and forms", () => {
    for (const text of ["createUsers", "create_user", "Creating Users", "created-user"])
      expect([...wordsOf(text)].sort()).toEqual([...wordsOf("create user")].sort());
    expect([...wordsOf("the and für Größe 数据库")]).toEqual(expect.arrayContaining(["für", "数据库"]));
    expect(wordsOf("the and of it is").size).toBeLessThan(3);
  });
});

describe("plainDigest", () => {
  it("takes the first sentences and the headings, outside of code", () => {
    const content =
      "# Style\n\nComponents are functions. More.\n\n```sh\n# no heading\n```\n\n## Colours ##\n\ntext";
    expect(plainDigest(content)).toEqual({
      summary: "Components are functions. More.",
      chapters: ["Style", "Colours"],
    });
    expect(plainDigest("")).toEqual({ summary: "", chapters: [] });
    expect(plainDigest("# Only")).toEqual({ summary: "Only", chapters: ["Only"] });
    expect(plainDigest(`${"word ".repeat(400)}`).summary.length).toBeLessThanOrEqual(301);
  });

  it("is read from the answer of an llm, without control characters and with bounds", () => {
    expect(digestIn("**Summary:** It \u001b[31mis\u202e so.\n- Chapter: One\nChapter: Two\nmore")).toEqual({
      summary: "It [31mis so.",
      chapters: ["One", "Two"],
    });
    expect(digestIn(`Summary: ${"x".repeat(5000)}`)!.summary.length).toBeLessThanOrEqual(300);
    expect(digestIn("I cannot do that.")).toBeUndefined();
  });
});

describe("cutText and sliceText", () => {
  it("never cut a character apart, and slices are the whole when they are put together", () => {
    const text = "aé€😀".repeat(100);
    for (let bytes = 0; bytes < 40; bytes++) expect(text.startsWith(cutText(text, bytes))).toBe(true);
    for (const size of [4, 5, 7, 33]) {
      let whole = "";
      for (let at: number | undefined = 0; at !== undefined; ) {
        const { text: part, next }: { text: string; next?: number } = sliceText(text, at, size);
        whole += part;
        at = next;
      }
      expect(whole).toBe(text);
    }
  });
});
