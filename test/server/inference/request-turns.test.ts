import { expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import {
  hasManyParts,
  type ProviderTarget,
  toProviderRequest,
  toProviderRequestInTurns,
} from "../../../src/server/inference/request.ts";
import { manyItems } from "../../../src/wire/json.ts";
import { parseCall } from "../../../src/wire/parse-call.ts";
import { turnsOf } from "../../support/turns.ts";

const target = (provider?: "messages"): ProviderTarget => ({
  path: "/v1/x",
  translation: provider && translationFor("responses", provider),
  model: "theirs",
  quirks: { without: ["user"] },
});

/** A request of responses with so many items in its input. */
const requestOf = async (count: number) => {
  const input = Array.from({ length: count }, (_, index) => ({
    role: index % 2 ? "assistant" : "user",
    content: "x",
  }));
  return parseCall(JSON.stringify({ model: "m", input, user: "u" }), "responses");
};

it.each([undefined, "messages"] as const)(
  "a request of many parts is made for a provider of %s in several turns, and is the same (T293)",
  async (provider) => {
    const request = await requestOf(5000);
    expect([hasManyParts(request), hasManyParts(await requestOf(10))]).toEqual([true, false]);
    const { value, turns } = await turnsOf(toProviderRequestInTurns(request, "responses", target(provider)));
    expect(value.text).toBe(toProviderRequest(request, "responses", target(provider)).text);
    // Each step has one, with rests between them.
    expect(turns).toBeGreaterThan(provider === "messages" ? 8 : 4);
    expect(value.text.includes('"user":"u"')).toBe(provider === undefined);
  },
);

it("a short text of many elements is parsed in a turn of its own, and one of few at once (T293)", async () => {
  const body = (count: number) => `{"model":"m","stop":[${Array(count).fill(1).join()}]}`;
  expect(parseCall(body(100), "chat")).not.toBeInstanceOf(Promise);
  const { value, turns } = await turnsOf(Promise.resolve(parseCall(body(manyItems + 1), "chat")));
  expect(value.body["stop"]).toHaveLength(manyItems + 1);
  expect(turns).toBeGreaterThan(2);
});

it("a fault in the second step of a translation names the caller's field (T293)", async () => {
  const request = await requestOf(5000);
  const broken = {
    ...request,
    body: { ...request.body, tools: [{ type: "function", name: "f", parameters: 1 }] },
  };
  const steps = toProviderRequestInTurns(broken, "responses", target("messages"));
  await expect(steps).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("tools"),
  });
});
