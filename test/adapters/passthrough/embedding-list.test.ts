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

describe("an answer without embeddings (case 179)", () => {
  it.each([[[]], [[{ index: 0, embedding: null }]]])("is a fault: %j", (data) => {
    expect(missingEmbeddings({ data })?.message).toContain("without embeddings");
  });

  it.each([[[entry]], [[entry, { embedding: null }]], [[{ index: 0, embeddings: [[1], [2]] }]]])(
    "is not one with an embedding: %j",
    (data) => {
      expect(missingEmbeddings({ data })).toBeUndefined();
    },
  );
});
