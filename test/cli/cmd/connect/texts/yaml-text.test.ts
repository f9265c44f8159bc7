import { describe, expect, it } from "vitest";
import { readValue, withValue } from "../../../../../src/cli/cmd/connect/texts/values.ts";

const entry = { name: "ours", model: "gpt", roles: ["chat", "edit"] };
const path = ["models", "=ours"];

/** Files as people have them. */
const files: Record<string, string> = {
  "nothing in it": "",
  "other keys": "# mine\nname: Mine # why\n\nrules:\n  - Be brief.\n",
  "no line end": "name: Mine",
  "a list": "models:\n  # the good one\n  - name: other # here\n    roles: [chat]\n\nrules: []\n",
  "a list without indentation": "models:\n- name: other\n  model: m\n- name: second\nrules:\n- x\n",
  "a list at the end, without a line end": "models:\n    - name: other\n      model: m",
  CRLF: "name: Mine\r\nmodels:\r\n  - name: other\r\n    model: m\r\nrules: []\r\n",
  "texts of several lines":
    "models:\n  - name: other\n    prompt: |\n      models:\n        - name: ours\nafter: 1\n",
};

describe.each(["models entry", "scalar"])("a %s of YAML", (what) => {
  const [at, value] = what === "scalar" ? [["model"], "openai/gpt"] : [path, entry];

  it.each(Object.entries(files))(
    "is added to a file with %s, and removing it gives the same bytes",
    (_, text) => {
      const added = withValue("yaml", text, at, value);
      expect(readValue("yaml", added, at)).toEqual(value);
      for (const line of text.split(/\r?\n/)) expect(added).toContain(line);
      if (text.includes("\r\n")) expect(added.replaceAll("\r\n", "")).not.toContain("\n");
      expect(withValue("yaml", added, at, undefined).trimEnd()).toBe(text.trimEnd());
      expect(withValue("yaml", added, at, value)).toBe(added);
    },
  );
});

describe("withValue of YAML", () => {
  it("changes an entry where it stands, and keeps what is around it", () => {
    const text = "models:\n  - name: one\n  # ours\n  - name: ours\n    model: old\n  - name: two # last\n";
    const changed = withValue("yaml", text, path, entry);
    expect(changed).toBe(
      "models:\n  - name: one\n  # ours\n  - name: ours\n    model: gpt\n    roles:\n      - chat\n      - edit\n  - name: two # last\n",
    );
  });

  it("changes a scalar and keeps the comment behind it", () => {
    expect(withValue("yaml", "model: sonnet # mine\nx: 1\n", ["model"], "gpt")).toBe(
      "model: gpt # mine\nx: 1\n",
    );
    expect(withValue("yaml", "model:\nx: 1\n", ["model"], "gpt")).toBe("model: gpt\nx: 1\n");
  });

  it.each(["models: []\n", "models:\n"])("fills a list without entries: %j", (text) => {
    expect(readValue("yaml", withValue("yaml", text, path, entry), path)).toEqual(entry);
  });

  it.each([
    ["a list in one line", "models: [{ name: other }]\n"],
    ["an alias", "a: &a\n  - name: x\nmodels: *a\n"],
    ["no YAML", "a: [1\n"],
    ["a list", "- a\n"],
    ["a scalar in its place", "models: 1\n"],
  ])("refuses %s", (_, text) => {
    expect(() => withValue("yaml", text, path, entry)).toThrow();
  });
});

describe("withValue of an element of a JSON list", () => {
  it.each([
    ["an empty file", ""],
    ["an empty list", "[]\n"],
    ["elements and comments", '[\n  // mine\n  { "name": "other" } // why\n]\n'],
    ["one line", '[{"name":"other"}]'],
    ["a comma at the end", '[\n\t{ "name": "other" },\n]\n'],
  ])("adds it to %s, and takes it out again", (_, text) => {
    const added = withValue("json", text, ["=ours"], entry);
    expect(readValue("json", added, ["=ours"])).toEqual(entry);
    const removed = withValue("json", added, ["=ours"], undefined);
    if (text.includes("other")) expect(removed).toBe(text);
  });

  it("refuses an object in its place", () => {
    expect(() => withValue("json", '{"a": 1}', ["=ours"], entry)).toThrow();
  });
});
