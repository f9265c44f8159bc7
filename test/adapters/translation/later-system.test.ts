import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withOneSystem } from "../../../src/adapters/translation/later-system.ts";
import type { Fields } from "../../../src/adapters/translation/request-fields.ts";

const folded = (...messages: Fields[]) =>
  withOneSystem(messages.map((message, at) => ({ message, path: `/messages/${at}` }))).map(
    ({ message }) => message,
  );
const system = (content: string) => ({ role: "system", content });
const user = (content: unknown) => ({ role: "user", content });
const answer = { role: "assistant", content: "y" };
const call = { role: "assistant", content: null, tool_calls: [{ id: "1" }] };
const result = { role: "tool", tool_call_id: "1", content: "r" };
const marked = (text: string) => `<system>\n${text}\n</system>`;

describe("system messages behind the first turn (case 106)", () => {
  it("are joined where they stand at the beginning", () => {
    expect(folded(system("a"), system("b"), user("x"))).toEqual([system("a\n\nb"), user("x")]);
  });

  it("join the user's turn beside them, in their place", () => {
    expect(folded(user("x"), system("s"))).toEqual([user(`x\n\n${marked("s")}`)]);
    expect(folded(user("x"), answer, system("s"), user("z"))).toEqual([
      user("x"),
      answer,
      user(`${marked("s")}\n\nz`),
    ]);
    expect(folded(user("x"), system("s"), answer)).toEqual([user(`x\n\n${marked("s")}`), answer]);
  });

  it("keep images beside them", () => {
    const image = { type: "image_url", image_url: { url: "data:," } };
    expect(folded(user([image]), system("s"))).toEqual([user([image, { type: "text", text: marked("s") }])]);
  });

  it("never stand between a tool call and its result", () => {
    expect(folded(user("x"), call, system("s"), result, user("z"))).toEqual([
      user("x"),
      call,
      result,
      user(`${marked("s")}\n\nz`),
    ]);
    expect(folded(user("x"), call, result, system("s"))).toEqual([
      user("x"),
      call,
      result,
      user(marked("s")),
    ]);
  });

  it("leave the beginning of a conversation as it was when it goes on", () => {
    const turn = fc.constantFrom(user("x"), answer, system("s"), { role: "tool", content: "r" });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 12 }), fc.array(turn, { maxLength: 4 }), (before, after) => {
        const first = folded(...before, user("now"), answer);
        const later = folded(...before, user("now"), answer, ...after);
        expect(later.slice(0, first.length)).toEqual(first);
        expect(later.slice(1).some(({ role }) => role === "system")).toBe(false);
        const texts = (messages: Fields[]) => JSON.stringify(messages).split("s\\n</system>").length;
        const systems = [...before, ...after].filter(({ role }) => role === "system").length;
        const leading = before.findIndex(({ role }) => role !== "system");
        const first_ = leading === -1 ? before.length : leading;
        expect(texts(later) - 1).toBe(systems - first_);
      }),
    );
  });
});
