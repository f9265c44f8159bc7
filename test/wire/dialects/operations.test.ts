import { describe, expect, it } from "vitest";
import { dialects, modelEntry, modelListFields } from "../../../src/wire/dialects/index.ts";
import {
  dialectAt,
  isDialect,
  isOperation,
  operationAt,
  operationNames,
  operations,
} from "../../../src/wire/dialects/operations.ts";

describe("operations", () => {
  it("contain every dialect, and each has a path of its own", () => {
    expect(operationNames.filter(isDialect).toSorted()).toEqual(Object.keys(dialects).toSorted());
    const paths = operationNames.map((operation) => operations[operation].path);
    expect(new Set(paths).size).toBe(operationNames.length);
  });

  it.each(operationNames)("%s is found by its path, and by no other", (operation) => {
    const { path } = operations[operation];
    expect(operationAt(path)).toBe(operation);
    expect(operationAt(`${path}/more`)).not.toBe(operation);
    expect(isOperation(operation)).toBe(true);
  });

  it.each(["toString", "", "chats", undefined, 1, ["chat"]])("%j is no operation", (value) => {
    expect(isOperation(value)).toBe(false);
  });
});

it.each([
  ["/v1/messages", "messages"],
  ["/v1/messages/count_tokens", "messages"],
  ["/v1/chat/completions", "chat"],
  ["/v1/responses", "responses"],
  ["/v1/embeddings", "chat"],
  ["/v1/models", "chat"],
  ["/v1/nothing", "chat"],
])("errors at %s are worded in %s", (path, dialect) => {
  expect(dialectAt(path)).toBe(dialect);
});

describe("a list of models", () => {
  const model = { id: "claude", createdAt: 1_780_000_000_500, ownedBy: "anthropic", capabilities: {} };

  it("has the fields of every dialect's entries", () => {
    expect(modelEntry(model)).toEqual({
      id: "claude",
      object: "model",
      created: 1_780_000_000,
      owned_by: "anthropic",
      type: "model",
      display_name: "claude",
      created_at: "2026-05-28T20:26:40.500Z",
    });
  });

  it("has the fields of every dialect's lists around its entries, also when it is empty", () => {
    const last = { ...model, id: "qwen" };
    expect(modelListFields([model, last])).toEqual({
      object: "list",
      has_more: false,
      first_id: "claude",
      last_id: "qwen",
    });
    expect(modelListFields([])).toEqual({
      object: "list",
      has_more: false,
      first_id: null,
      last_id: null,
    });
  });
});

it.each([
  ["chat", { max_completion_tokens: 5, max_tokens: 9 }, 9],
  ["chat", { max_tokens: 9 }, 9],
  ["messages", { max_tokens: 9 }, 9],
  ["responses", { max_output_tokens: 7 }, 7],
  ["chat", { max_tokens: "9" }, undefined],
  ["chat", { max_tokens: -1 }, undefined],
  ["messages", {}, undefined],
] as const)("%s reads the limit of an answer in %j as %j", (dialect, body, tokens) => {
  expect(dialects[dialect].maxTokens(body)).toBe(tokens);
});
