import { expect, it } from "vitest";
import { answerShapes } from "../../../src/adapters/shapes/index.ts";
import type { SseEvent } from "../../../src/wire/sse.ts";

/** Pieces of one answer: work that grows with their square would take hours. */
const count = 100_000;

const event = (data: object): SseEvent => ({ event: "message", data: JSON.stringify(data) });

function collected(dialect: "chat" | "messages", make: (index: number) => object): Record<string, unknown> {
  const answer = answerShapes[dialect].collect();
  for (let index = 0; index < count; index++) answer.add(event(make(index)));
  return answer.whole() as Record<string, unknown>;
}

const delta = (fields: object) => ({ choices: [{ index: 0, delta: fields }] });
const messageOf = ({ choices }: Record<string, unknown>) =>
  (choices as { message: Record<string, unknown> }[])[0]!.message;

it("lists and objects of an answer in 100,000 pieces are put together in place (T295)", () => {
  const parts = collected("chat", (n) => delta({ content: [{ type: "text", text: String(n) }] }));
  expect(messageOf(parts)["content"]).toHaveLength(count);
  const fields = messageOf(collected("chat", (n) => delta({ extra: { [`k${n}`]: 1 } })));
  expect(Object.keys(fields["extra"] as object)).toHaveLength(count);
});

it("ever new fields of the head, of the end and of the counts take no longer (T295)", () => {
  const head = collected("chat", (n) => ({ [`k${n}`]: 1, choices: [] }));
  expect(Object.keys(head)).toHaveLength(count + 2);
  const end = collected("messages", (n) => ({
    type: "message_delta",
    delta: { [`k${n}`]: 1 },
    usage: { output_tokens: 1, [`u${n}`]: 1 },
  }));
  expect(Object.keys(end)).toHaveLength(count + 2);
  expect(Object.keys(end["usage"] as object).length).toBeLessThan(200);
});

it("a field named __proto__ changes no prototype (T17)", () => {
  const answer = answerShapes.chat.collect();
  const piece = '{"choices":[{"index":0,"delta":{"extra":{"a":1,"__proto__":{"b":1}}}}]}';
  for (let times = 0; times < 2; times++) answer.add({ event: "message", data: piece });
  const extra = messageOf(answer.whole() as Record<string, unknown>)["extra"] as object;
  expect([Object.getPrototypeOf(extra), ({} as Record<string, unknown>)["b"]]).toEqual([
    Object.prototype,
    undefined,
  ]);
});

it("the head of an answer stands in each chunk if it is short, and once if it is long (T295)", () => {
  const choices = Array.from({ length: 128 }, (_, index) => ({ index, message: { content: "x" } }));
  const body = { id: "c", model: "m", created: 1, x: "y".repeat(100_000), choices };
  const stream = answerShapes.chat.toStream(body);
  expect(stream.split("y".repeat(100_000))).toHaveLength(2);
  expect(stream.match(/"id":"c"/g)).toHaveLength(256);
  const many = { ...body, choices: [...choices, choices[0]] };
  expect(() => answerShapes.chat.toStream(many)).toThrow("the provider sent more than 128 choices");
});
