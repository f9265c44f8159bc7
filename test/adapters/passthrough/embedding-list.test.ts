import { describe, expect, it } from "vitest";
import { embeddingList, missingEmbeddings } from "../../../src/adapters/passthrough/embedding-list.ts";

const entry = { object: "embedding", index: 0, embedding: [0.5, 1] };

describe("embeddings in another form than OpenAI's (case 179)", () => {
  it.each([
    ["Ollama's", { model: "m", embeddings: [[0.5, 1]], prompt_eval_count: 3 }],
    ["Cohere's", { id: "x", embeddings: { float: [[0.5, 1]] } }],
    ["a bare list of vectors", [[0.5, 1]]],
    ["a bare list of entries", [{ embedding: [0.5, 1], index: 0 }]],
  ])("are a list: %s", (_name, body) => {
    expect(embeddingList(body)).toMatchObject({ object: "list", data: [entry] });
  });

  it("have the tokens that Ollama counts", () => {
    expect(embeddingList({ embeddings: [[1]], prompt_eval_count: 3 })).toMatchObject({
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
  });

  it.each([{ data: [entry] }, {}, [], { embeddings: [] }, { embeddings: ["x"] }, null])(
    "are not made of %j",
    (body) => {
      expect(embeddingList(body)).toBeUndefined();
    },
  );
});

describe("an answer with too few embeddings (case 179)", () => {
  it.each([
    [[], "x", "0 embeddings for 1 inputs"],
    [[entry], ["a", "b"], "1 embeddings for 2 inputs"],
    [[{ index: 0, embedding: null }], "x", "0 embeddings for 1 inputs"],
    [[], [1, 2, 3], "0 embeddings for 1 inputs"],
  ])("is a fault: %j for %j", (data, input, words) => {
    expect(missingEmbeddings({ data }, { input })?.message).toContain(words);
  });

  it.each([
    [[entry], "x"],
    [[entry], [1, 2, 3]],
    [
      [entry, entry],
      [[1], [2]],
    ],
    [[{ index: 0, embeddings: [[1], [2]] }], "x"],
  ])("is not one with as many as inputs: %j for %j", (data, input) => {
    expect(missingEmbeddings({ data }, { input })).toBeUndefined();
  });
});
