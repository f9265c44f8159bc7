import { describe, expect, it } from "vitest";
import { adapters } from "../../../src/adapters/index.ts";
import { quirkRows, quirksOf } from "../../../src/adapters/quirks/index.ts";
import {
  efforts,
  nearestEffort,
  type QuirkRow,
  type QuirkSubject,
} from "../../../src/adapters/quirks/types.ts";

const claude = (model: string): QuirkSubject => ({ type: "anthropic", host: "api.anthropic.com", model });
const openai = (model: string): QuirkSubject => ({ type: "openai", host: "api.openai.com", model });
const vllm = (model: string): QuirkSubject => ({ type: "vllm", host: "127.0.0.1", model });

const billingLine = true;
const budgeted = { billingLine, maxOutputTokens: 64_000 };
const toFour = { billingLine, outputFormat: false };
const adaptive = { ...budgeted, adaptiveThinking: true };
const toHigh = ["low", "medium", "high"];
const toXhigh = [...toHigh, "xhigh"];
const toMax = [...toXhigh, "max"];
const reasoner = { sampling: false, limitField: "max_completion_tokens" };
const callIds = { longest: 40 };
const atOpenai = {
  takes: ["responses", "input_tokens"],
  laterSystem: true,
  openaiFields: true,
  prefersResponses: true,
  callIds,
};
const atTools = { effortNone: true, effortWithTools: false, reasonsByDefault: true };
const responsesOnly = { responsesOnly: true };
const sealed = { sealedReasoning: true };
const mistral = (model: string): QuirkSubject => ({ type: "openai", host: "api.mistral.ai", model });
const other = (type: string, host: string, model = "m"): QuirkSubject => ({ type, host, model });

/** At least one llm for each row, and all of its quirks. */
const known: [QuirkSubject, object][] = [
  [claude("claude-2.1"), { ...toFour, maxOutputTokens: 4_096 }],
  [claude("claude-3-opus-20240229"), { ...toFour, maxOutputTokens: 4_096 }],
  [claude("claude-3-5-sonnet-20241022"), { ...toFour, maxOutputTokens: 8_192 }],
  [claude("claude-3-7-sonnet-20250219"), { ...toFour, maxOutputTokens: 64_000 }],
  [claude("claude-sonnet-4-20250514"), { ...toFour, maxOutputTokens: 32_000 }],
  [claude("claude-opus-4-1"), { ...toFour, maxOutputTokens: 32_000 }],
  [claude("claude-haiku-4-5-20251001"), budgeted],
  [claude("claude-opus-4-6"), { ...adaptive, efforts: [...toHigh, "max"] }],
  [claude("anthropic/claude-opus-4.7"), { ...adaptive, efforts: toMax, sampling: false }],
  [claude("claude-fable-5-1"), { ...adaptive, efforts: toMax, sampling: false, laterSystem: true }],
  [claude("deepseek-chat"), { billingLine }],
  [vllm("claude-opus-4-6"), {}],
  [openai("gpt-4o"), { ...atOpenai, maxOutputTokens: 16_384 }],
  [openai("o3-mini"), { ...atOpenai, ...reasoner, ...sealed, efforts: toHigh }],
  [openai("gpt-5-mini"), { ...atOpenai, ...reasoner, ...sealed, efforts: toHigh }],
  [openai("gpt-5.1"), { ...atOpenai, ...reasoner, ...sealed, efforts: toHigh, effortNone: true }],
  [
    openai("gpt-5.1-codex-max"),
    { ...atOpenai, ...responsesOnly, ...reasoner, ...sealed, efforts: toHigh, effortNone: false },
  ],
  [openai("gpt-5.2"), { ...atOpenai, ...reasoner, ...sealed, efforts: toXhigh, effortNone: true }],
  [
    openai("gpt-5.2-pro"),
    { ...atOpenai, ...responsesOnly, ...reasoner, ...sealed, efforts: toXhigh, effortNone: false },
  ],
  [openai("ft:gpt-5.6-sol:mine"), { ...atOpenai, ...reasoner, ...sealed, efforts: toMax, ...atTools }],
  [openai("gpt-6"), { ...atOpenai, ...reasoner, ...sealed, efforts: toMax, ...atTools }],
  [openai("gpt-4.1-mini"), { ...atOpenai, maxOutputTokens: 32_768 }],
  [other("openai", "llm.lan"), { takes: ["responses", "input_tokens"] }],
  [other("azure", "r.openai.azure.com"), { ...atOpenai, takes: ["responses"], keyHeader: "api-key" }],
  [other("perplexity", "api.perplexity.ai"), { unversioned: true }],
  [other("openai", "models.github.ai"), { takes: ["responses", "input_tokens"], unversioned: true }],
  [other("vertex", "us-east5-aiplatform.googleapis.com"), { unversioned: true }],
  [vllm("openai/gpt-oss-120b"), { efforts: toHigh }],
  [vllm("deepseek-v4-flash"), { efforts: toHigh, toolTurnReasoning: true }],
  [vllm("models/gemini-3-flash"), { efforts: toHigh, callSignature: "skip_thought_signature_validator" }],
  [vllm("moonshotai/Kimi-K2.6"), { toolTurnReasoning: true }],
  [
    openai("gpt-5-chat-latest"),
    { ...atOpenai, ...reasoner, sampling: true, sealedReasoning: false, efforts: toHigh },
  ],
  [
    { type: "openai", host: "api.groq.com", model: "llama-3.3-70b" },
    { takes: ["responses", "input_tokens"], plainHistory: true },
  ],
  [
    mistral("devstral"),
    { takes: ["responses", "input_tokens"], callIds: { longest: 9, isExact: true }, plainHistory: true },
  ],
  [vllm("qwen3:8b"), {}],
  [vllm("foo-gpt-5"), {}],
  // Names with the letters of "pro" and "codex" that say nothing.
  [vllm("production-model"), {}],
  [vllm("qwen3-codex"), {}],
  [vllm("gemini-2.5-pro"), { efforts: toHigh }],
  [vllm("gpt-5.1-production"), { ...reasoner, ...sealed, efforts: toHigh, effortNone: true }],
  [
    vllm("openai/gpt-5.2-pro"),
    { ...responsesOnly, ...reasoner, ...sealed, efforts: toXhigh, effortNone: false },
  ],
];

it.each(known)("the quirks of %j are %j", (llm, quirks) => {
  expect(quirksOf(llm)).toEqual(quirks);
});

describe.each(quirkRows.map((row, index) => ({ row, index, shown: JSON.stringify(row) })))(
  "row $index, $shown",
  ({ row, index }) => {
    it("changes the quirks of an llm that is tested above", () => {
      const others = quirkRows.filter((_, at) => at !== index);
      expect(known.some(([llm]) => !Bun.deepEquals(quirksOf(llm), quirksOf(llm, others)))).toBe(true);
    });

    it("names the page that states it", () => {
      expect(URL.parse(row.source)).toMatchObject({ protocol: "https:" });
      expect(URL.parse(row.source)?.pathname).not.toBe("/");
    });

    it("is about a type that an adapter serves, and about operations that are optional there", () => {
      const types = row.when.type === undefined ? [] : [row.when.type];
      for (const type of types) {
        const adapter = adapters.find((one) => one.types.includes(type));
        expect(adapter?.optional ?? []).toEqual(expect.arrayContaining([...(row.takes ?? [])]));
        expect(adapter).toBeDefined();
      }
      expect(row.takes === undefined || types.length > 0).toBe(true);
    });
  },
);

describe("quirksOf", () => {
  const source = "https://example.org/page";
  const name = /^m-(\d+)(?:\.(\d+))?$/;
  const rows: QuirkRow[] = [
    { when: {}, maxOutputTokens: 1, source },
    { when: { host: "a.example" }, sampling: false, source },
    { when: { host: /\.example$/, type: "vllm" }, outputFormat: false, source },
    { when: { model: { name, from: "1.9", before: "2" } }, maxOutputTokens: 2, source },
    { when: { model: { name, from: "2" } }, maxOutputTokens: 3, source },
  ];
  const at = (llm: Partial<QuirkSubject>) => quirksOf({ type: "openai", model: "x", ...llm }, rows);

  it("matches a host by its name or by a pattern, together with the type", () => {
    expect(at({ host: "a.example" })).toEqual({ maxOutputTokens: 1, sampling: false });
    expect(at({ host: "b.example", type: "vllm" })).toEqual({ maxOutputTokens: 1, outputFormat: false });
    expect(at({ host: "b.example" })).toEqual({ maxOutputTokens: 1 });
    expect(at({})).toEqual({ maxOutputTokens: 1 });
  });

  it.each([
    ["m-1", 1],
    ["m-1.8", 1],
    ["m-1.9", 2],
    ["m-1.10", 2],
    ["m-2", 3],
    ["m-2.0", 3],
    ["m-10", 3],
    ["n-2", 1],
  ])("compares versions by their parts: %s", (model, maxOutputTokens) => {
    expect(at({ model })).toEqual({ maxOutputTokens });
  });

  it("lets the later of two rows decide, and never returns the conditions or the source", () => {
    expect(at({ model: "m-3", host: "a.example" })).toEqual({ maxOutputTokens: 3, sampling: false });
  });
});

it.each([
  ["minimal", ["low", "medium", "high", "max"], "low"],
  ["xhigh", ["low", "medium", "high", "max"], "max"],
  ["max", ["low", "medium", "high"], "high"],
  ["medium", ["low", "medium", "high"], "medium"],
  ["high", [], "high"],
] as const)("the effort nearest to %s among %j is %s", (asked, takenEfforts, nearest) => {
  expect(nearestEffort(asked, takenEfforts)).toBe(nearest);
  expect(efforts).toContain(nearest);
});
