import fc from "fast-check";
import { expect, it } from "vitest";
import { chat, type Fields } from "./translated.ts";

/** A turn of a random conversation, as items. */
const texts = fc.string({ minLength: 1, maxLength: 12 });
const turn = fc.oneof(
  fc.record({ kind: fc.constant("user" as const), text: texts }),
  fc.record({
    kind: fc.constant("assistant" as const),
    text: fc.option(texts),
    calls: fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z]{1,5}$/),
        isCustom: fc.boolean(),
        text: texts,
        result: texts,
      }),
      { maxLength: 3 },
    ),
  }),
);

it("keeps the texts, calls, ids and order of any conversation", () => {
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 8 }), (turns) => {
      const input: Fields[] = [];
      const expected: unknown[] = [];
      let calls = 0;
      for (const one of turns) {
        if (one.kind === "user") {
          input.push({ role: "user", content: [{ type: "input_text", text: one.text }] });
          expected.push(["user", one.text]);
          continue;
        }
        if (one.text !== null) {
          input.push({
            type: "message",
            role: "assistant",
            content: [{ type: "output_text", text: one.text, annotations: [] }],
          });
          expected.push(["assistant", one.text]);
        }
        const ids = one.calls.map(() => `call_${calls++}`);
        one.calls.forEach(({ name, isCustom, text }, index) => {
          const call = { call_id: ids[index], name };
          input.push(
            isCustom
              ? { type: "custom_tool_call", ...call, input: text }
              : { type: "function_call", ...call, arguments: JSON.stringify({ text }) },
          );
          expected.push(["call", ids[index], name, isCustom ? { input: text } : { text }]);
        });
        one.calls.forEach(({ isCustom, result }, index) => {
          input.push({
            type: isCustom ? "custom_tool_call_output" : "function_call_output",
            call_id: ids[index],
            output: result,
          });
          expected.push(["result", ids[index], result]);
        });
      }
      fc.pre(input.length > 0);
      const { messages } = chat({ input });
      const found = (
        messages as {
          role: string;
          content: unknown;
          tool_call_id?: string;
          tool_calls?: { id: string; function: { name: string; arguments: string } }[];
        }[]
      ).flatMap(({ role, content, tool_call_id, tool_calls = [] }) => [
        ...(role === "tool"
          ? [["result", tool_call_id, content]]
          : content === null
            ? []
            : [[role, content]]),
        ...tool_calls.map((call) => [
          "call",
          call.id,
          call.function.name,
          JSON.parse(call.function.arguments),
        ]),
      ]);
      expect(found).toEqual(expected);
    }),
  );
});
