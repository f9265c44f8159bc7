import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { linesOfDiff } from "../../src/web/screens/mcp/diff.ts";
import { argumentsOf } from "../../src/web/screens/mcp/tool-form.ts";
import { figuresOf } from "../../src/web/screens/overview/figures.ts";
import { commandOf, yamlOf } from "../../src/web/ui/yaml.ts";

describe("YAML of the page", () => {
  it.each([
    { kind: "llm", name: "gpt", aliases: ["gpt-4.1", "a b"], limits: { concurrent: 3 }, empty: [], none: {} },
    {
      text: "no",
      on: "yes",
      number: "12",
      date: "2026-11-29",
      colon: "a: b",
      hash: "# x",
      dash: "- y",
      star: "*",
      tilde: "~",
    },
    {
      prompt: "one\ntwo\n",
      last: "one\n\ntwo",
      indented: "  a\nb",
      open: "a\n",
      spaces: "a \nb ",
      tabs: "a\tb\nc",
    },
    { list: [{ a: 1, b: { c: [true, null, "x"] } }, [["deep"]]], "odd key": 1, "": "empty", quote: `"'\\` },
    {
      html: `<img src=x onerror="alert(1)">`,
      unicode: "ä€🙂",
      control: "\u0007",
      bom: "\ufeffa\nb",
      separator: "a\u2028b",
    },
  ])("is read back as what it was: %j", (value) => {
    expect(parse(yamlOf(value))).toEqual(value);
  });
});

it("arguments of shown commands are quoted for a shell", () => {
  expect(commandOf("create", "llm", "it's; rm -rf /", undefined, "--url", "http://x/")).toBe(
    `mcpctl create llm 'it'\\''s; rm -rf /' --url http://x/`,
  );
});

it("a comparison keeps what both texts have", () => {
  const signs = linesOfDiff("a\nb\nc", "a\nx\nc\nd").map(({ sign, text }) => sign + text);
  expect(signs).toEqual([" a", "-b", "+x", " c", "+d"]);
  expect(linesOfDiff("", "new").map(({ sign, text }) => sign + text)).toEqual(["+new"]);
});

it("the form of a tool sends values in their types, leaves out what is empty, and refuses what is no JSON", () => {
  const schema = {
    properties: {
      text: { type: "string" },
      n: { type: "integer" },
      on: { type: "boolean" },
      list: { type: "array" },
    },
  };
  expect(argumentsOf(schema, { text: "12", n: "3", on: "true", list: "" })).toEqual({
    text: "12",
    n: 3,
    on: true,
  });
  expect(() => argumentsOf(schema, { list: "[1" })).toThrow("list must be JSON");
});

it("calls are summed up in the steps of a span, and older ones are left out", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  const event = {
    id: "",
    name: "",
    requestId: "",
    user: null,
    action: "llm_inference_call",
    promptTokens: 2,
    completionTokens: 3,
    cost: 0.5,
  };
  const figures = figuresOf(
    [
      { ...event, at: "2026-11-29T11:59:30Z", status: 200 },
      { ...event, at: "2026-11-29T11:58:30Z", status: 503 },
      { ...event, at: "2026-11-29T10:00:00Z", status: 200 },
      { ...event, at: "2026-11-29T11:59:30Z", status: 200, action: "login" },
    ],
    "hour",
    now,
  );
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  expect([sum(figures.calls), sum(figures.errors), sum(figures.tokens), sum(figures.cost)]).toEqual([
    2, 1, 10, 1,
  ]);
  expect(figures.times).toHaveLength(30);
});
