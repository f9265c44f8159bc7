import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnswerMemory } from "../../../../src/server/inference/answers/answer-memory.ts";
import { SealedOrigins } from "../../../../src/server/inference/answers/sealed-origins.ts";

const minutes = 60_000;
const answer = (id: string, text = "x") => ({ id, output: [{ type: "message", id: `msg_${id}`, text }] });

describe("the memory of answers (case 99)", () => {
  it("gives an owner its own answers and items, and nobody else's", () => {
    const memory = new AnswerMemory(() => 0);
    memory.remember("tok_a", '["hi"]', answer("resp_1"));
    expect(memory.answer("tok_a", "resp_1")).toEqual({ input: '["hi"]', output: answer("resp_1").output });
    expect(memory.item("tok_a", "msg_resp_1")).toMatchObject({ text: "x" });
    for (const other of ["tok_b", "tok_a ", ""]) {
      expect(memory.answer(other, "resp_1")).toBeUndefined();
      expect(memory.item(other, "msg_resp_1")).toBeUndefined();
    }
    expect(memory.answer("tok_a", "msg_resp_1")).toBeUndefined();
  });

  it("forgets after half an hour", () => {
    let now = 0;
    const memory = new AnswerMemory(() => now);
    memory.remember("a", "[]", answer("1"));
    now = 29 * minutes;
    expect(memory.answer("a", "1")).toBeDefined();
    now = 30 * minutes;
    expect(memory.answer("a", "1")).toBeUndefined();
    expect(memory.item("a", "msg_1")).toBeUndefined();
    memory.remember("b", "[]", answer("2"));
    memory.remember("b", "[]", answer("2"));
    expect(memory.bytes).toBe(2 + JSON.stringify(answer("2").output).length);
  });

  it("stays within its limits, whatever is remembered, and keeps the newest of each owner", () => {
    const limits = { bytes: 2_000, ownerBytes: 700, ownerAnswers: 4 };
    const write = fc.record({
      owner: fc.constantFrom("a", "b", "c", "d", "e"),
      id: fc.nat(9).map(String),
      size: fc.nat(900),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
        const memory = new AnswerMemory(() => 0, limits);
        for (const { owner, id, size } of writes) {
          memory.remember(owner, "[]", answer(id, "x".repeat(size)));
          expect(memory.bytes).toBeLessThanOrEqual(limits.bytes);
          if (size < 600)
            expect(memory.answer(owner, id)?.output).toMatchObject([{ text: "x".repeat(size) }]);
        }
        let held = 0;
        for (const owner of ["a", "b", "c", "d", "e"]) {
          const own = Array.from({ length: 10 }, (_, id) => memory.answer(owner, String(id))).filter(Boolean);
          expect(own.length).toBeLessThanOrEqual(limits.ownerAnswers);
          const bytes = own.reduce((sum, one) => sum + 2 + JSON.stringify(one?.output).length, 0);
          expect(bytes).toBeLessThanOrEqual(limits.ownerBytes);
          held += bytes;
        }
        expect(memory.bytes).toBe(held);
      }),
    );
  });
});

describe("the memory of who sealed reasoning (case 98)", () => {
  const sealed = (text: string) => ({ type: "reasoning", encrypted_content: text });

  it("knows the llm of the last sealed item, for half an hour", () => {
    let now = 0;
    const origins = new SealedOrigins(() => now);
    origins.remember("llm_a", [sealed("A")]);
    origins.remember("llm_b", [sealed("B"), { type: "message" }, sealed("mcpctl.1.e30")]);
    expect(origins.originOf({ input: [sealed("A"), { role: "user" }] })).toBe("llm_a");
    expect(origins.originOf({ input: [sealed("A"), sealed("B"), "odd", null] })).toBe("llm_b");
    for (const input of [[sealed("C")], [sealed("mcpctl.1.e30")], "text", undefined, [{ type: "reasoning" }]])
      expect(origins.originOf({ input })).toBeUndefined();
    now = 30 * minutes;
    expect(origins.originOf({ input: [sealed("A")] })).toBeUndefined();
  });
});
