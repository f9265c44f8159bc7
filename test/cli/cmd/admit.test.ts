import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";

let server: FakeCatalogue;
beforeEach(() => {
  server = new FakeCatalogue();
  const llm = { type: "openai", model: "m" };
  server.seed("llms", { ...llm, name: "a-1", poolName: "qwen" });
  server.seed("llms", { ...llm, name: "a-2", poolName: "qwen", admits: ["carol"] });
  server.seed("llms", { ...llm, name: "lone" });
});
afterEach(() => server.stop());

const writes = () => server.writes.map(({ body }) => (body as { admits: string[] }).admits);

describe("admit", () => {
  it("adds the name to every llm of the pool, once", async () => {
    const { code, stdout } = await server.run(["admit", "bob", "--pool", "qwen"]);
    expect([code, stdout]).toEqual([0, "llm 'a-1' admits 'bob'\nllm 'a-2' admits 'bob'\n"]);
    expect(writes()).toEqual([["bob"], ["carol", "bob"]]);
    await server.run(["admit", "carol", "--pool", "qwen"]);
    expect(writes().slice(2)).toEqual([
      ["bob", "carol"],
      ["bob", "carol"],
    ]);
  });

  it("takes an admission back with --remove", async () => {
    const { code, stdout } = await server.run(["admit", "carol", "--pool", "qwen", "--remove"]);
    expect([code, stdout]).toEqual([
      0,
      "llm 'a-1' no longer admits 'carol'\nllm 'a-2' no longer admits 'carol'\n",
    ]);
    expect(writes()).toEqual([[], []]);
  });

  it("takes an llm that is in no pool by its own name", async () => {
    await server.run(["admit", "bob", "--pool", "lone"]);
    expect(writes()).toEqual([["bob"]]);
  });

  it.each([
    [["admit", "bob"], 2, "--pool is missing"],
    [["admit", "Bob!", "--pool", "qwen"], 2, "cannot be the name of an llm"],
    [["admit", "bob", "--pool", "none"], 3, 'pool "none" not found'],
  ])("refuses %j", async (words, expected, message) => {
    const { code, stderr } = await server.run(words);
    expect(code).toBe(expected);
    expect(stderr).toContain(message);
    expect(server.writes).toEqual([]);
  });
});
