import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseManifests, readManifests } from "../../../src/cli/manifest/read.ts";
import { AppError } from "../../../src/errors.ts";
import { llmTypes } from "../../../src/kinds/provider-types.ts";
import { fakeTerminal } from "../../support/cli/fake-terminal.ts";

/** No address is read here. */
const offline = {
  client: () => Promise.reject(new Error("no client")),
  signal: new AbortController().signal,
};

/** The faults that are printed for a text. */
function refusal(text: string): string[] {
  try {
    parseManifests(text, "agents.yaml");
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.details?.map(({ path, message }) => `${path}: ${message}`) ?? [error.message];
  }
  return [];
}

const claude = { type: "anthropic", model: "claude-sonnet-5" };

describe("the form of a manifest", () => {
  const expected = [
    ["secret", "anthropic", { data: { "api-key": "k" } }],
    ["llm", "claude", claude],
  ];
  it("may begin with a byte order mark and have CRLF line ends (failure mode 88)", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-manifests-"));
    const text = "\ufeffkind: llm\r\nname: claude\r\ntype: anthropic\r\nmodel: claude-sonnet-5\r\n";
    writeFileSync(join(cwd, "a.yaml"), text);
    writeFileSync(join(cwd, "b.yaml"), Buffer.from(text, "utf16le"));
    const terminal = fakeTerminal({ stdin: text });
    for (const path of ["a.yaml", "-"])
      expect(await readManifests([path], { cwd, terminal, ...offline })).toMatchObject([
        { name: "claude", fields: claude },
      ]);
    await expect(readManifests(["b.yaml"], { cwd, terminal, ...offline })).rejects.toThrow(
      "b.yaml is not UTF-8 text",
    );
  });

  it.each([
    [
      "several documents",
      "kind: secret\nname: anthropic\ndata: {api-key: k}\n---\n---\nkind: LLM\nname: claude\ntype: anthropic\nmodel: claude-sonnet-5\n",
    ],
    [
      "grouped by kind",
      "secrets:\n  - {name: anthropic, data: {api-key: k}}\nllms:\n  - name: claude\n    type: anthropic\n    model: claude-sonnet-5\n",
    ],
    [
      "a JSON list",
      JSON.stringify([
        { kind: "secret", name: "anthropic", data: { "api-key": "k" } },
        { kind: "llm", name: "claude", ...claude },
      ]),
    ],
    [
      "grouped JSON with tabs",
      '{\n\t"sec": [{"name": "anthropic", "data": {"api-key": "k"}}],\n\t"llms": [{"name": "claude", "type": "anthropic", "model": "claude-sonnet-5"}]\n}',
    ],
  ])("may be %s", (_, text) => {
    expect(parseManifests(text, "x").map(({ kind, name, fields }) => [kind.kind, name, fields])).toEqual(
      expected,
    );
  });

  it("keeps the given fields and drops those that the server sets", () => {
    const text = `kind: llm
name: claude
id: llm_01hx0000000000000000000000
version: 7
createdAt: 2026-11-21T10:00:00Z
status: active
type: anthropic
model: claude-sonnet-5
poolName: null
description: ~
`;
    const [manifest] = parseManifests(text, "old.yaml");
    expect(manifest?.fields).toEqual({ ...claude, poolName: null, description: null });
    expect(manifest?.source).toBe("old.yaml:1");
  });

  it("accepts a secret with only its keys, or with a key that null removes", () => {
    expect(parseManifests("kind: secret\nname: a\nkeys: [k]\n", "x")[0]?.fields).toEqual({});
    expect(parseManifests("kind: secret\nname: a\ndata: {old: null}\n", "x")[0]?.fields).toEqual({
      data: { old: null },
    });
    expect(refusal("kind: secret\nname: a\n")).toEqual(["agents.yaml:1:1: data: is required"]);
  });

  it("reads plain words by the rules of YAML 1.2 (T67)", () => {
    const [manifest] = parseManifests(
      "kind: llm\nname: claude\ntype: anthropic\nmodel: no\ndescription: yes\nextraConfig: {a: 012, b: 1e3, c: ~, d: 2026-01-01}\n",
      "x",
    );
    expect(manifest?.fields).toMatchObject({
      model: "no",
      description: "yes",
      extraConfig: { a: 12, b: 1000, c: null, d: "2026-01-01" },
    });
  });
});

describe("a manifest is refused", () => {
  it("with file, line and column of every fault, and a suggestion", () => {
    expect(
      refusal(`kind: project
name: website
description: |
  Two
  lines
prompt: hi
  # a remark
sevrers: [a]
---
kind: llm
name: Claude
type: antropic
model: 3
apiKeyRef:
  name: anthropic
  kee: api-key
---
kind: lmm
name: x
`),
    ).toEqual([
      'agents.yaml:8:1: sevrers: unknown field; did you mean "servers"?',
      "agents.yaml:11:1: name: must be lower-case letters, digits and hyphens, at most 100",
      `agents.yaml:12:1: type: must be one of ${llmTypes.map((type) => `"${type}"`).join(", ")}; did you mean "anthropic"?`,
      "agents.yaml:13:1: model: must be a string",
      "agents.yaml:14:1: apiKeyRef.key: is required",
      'agents.yaml:16:3: apiKeyRef.kee: unknown field; did you mean "key"?',
      'agents.yaml:18:1: kind: unknown kind "lmm"; did you mean "llm"?',
    ]);
  });

  it("with places inside groups and lists", () => {
    expect(
      refusal(
        "groups:\n  - name: friends\n    members:\n      - alice\n      - 7\nlms: []\nusers: {}\nllms: [3]\n",
      ),
    ).toEqual([
      "agents.yaml:5:9: groups[0].members[1]: must be a string",
      'agents.yaml:6:1: lms: unknown kind "lms"; did you mean "llms"?',
      "agents.yaml:7:1: users: must be a list",
      "agents.yaml:8:8: llms[0]: must be an object",
    ]);
  });

  it.each([
    ["no kind", "name: a\n", "agents.yaml:1:1: kind: is required"],
    [
      "a field that cannot be cleared",
      "kind: llm\nname: a\ntype: openai\nmodel: null\n",
      "agents.yaml:4:1: model: must be a string",
    ],
    [
      "an unknown field, even cleared",
      "kind: user\nname: a\nmodle: null\n",
      "agents.yaml:3:1: modle: unknown field",
    ],
    ["no object", "hello\n", "agents.yaml:1:1: expected an object with kind and name"],
    [
      "a number for a name",
      "kind: user\nname: 12\n",
      "agents.yaml:2:1: name: must be a string; put it in quotes",
    ],
    ["a key given twice (T67)", "kind: user\nname: a\nname: b\n", "agents.yaml:3:1: this key is given twice"],
    [
      "a key given twice in JSON (T67)",
      '{"kind": "user", "kind": "llm"}',
      "agents.yaml:1:18: this key is given twice",
    ],
    ["an alias in itself (T67)", "kind: llm\nname: &a [*a]\n", "agents.yaml:1:1: an alias contains itself"],
    [
      "deep nesting (T67)",
      `x: ${"[".repeat(65)}${"]".repeat(65)}`,
      "agents.yaml:1:1: nested deeper than 64 levels",
    ],
    [
      "an unknown alias",
      "kind: user\nname: *who\n",
      "agents.yaml:1:1: unresolved alias (the anchor must be set before the alias): who",
    ],
    [
      "a tag",
      "kind: user\nname: !!js/function a\n",
      "agents.yaml:2:7: tag: tag:yaml.org,2002:js/function is not supported",
    ],
  ])("%s", (_, text, line) => {
    expect(refusal(text)).toEqual([line]);
  });

  it("for a key of every object's prototype, at any depth (T17)", () => {
    const text =
      '{"kind":"llm","name":"a","type":"openai","model":"m","extraConfig":{"x":{"__proto__":{"evil":1}}}}';
    expect(refusal(text)).toEqual(["agents.yaml:1:74: extraConfig.x.__proto__: is not allowed as a name"]);
    expect({}).not.toHaveProperty("evil");
  });

  it("for aliases that multiply, and for deep nesting (T67)", () => {
    const bomb = [..."bcdefghij"].reduce(
      (text, letter, i) =>
        `${text}${letter}: &${letter} [${Array(9).fill(`*${"abcdefghij"[i]}`).join(",")}]\n`,
      "a: &a [x, x, x, x, x, x, x, x, x]\n",
    );
    expect(refusal(bomb)).toEqual(["agents.yaml:1:1: too many aliases"]);
    const deep = "[".repeat(50_000);
    expect(refusal(deep)[0]).toContain("nested deeper than 64 levels");
  });
});

describe("the files of manifests", () => {
  function folder(files: Record<string, string>): string {
    const path = mkdtempSync(join(tmpdir(), "mcpctl-manifest-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
    return path;
  }
  const user = (name: string) => `kind: user\nname: ${name}\n`;

  it("are read in the given order: a folder's files by name, files, and standard input", async () => {
    const cwd = folder({
      "z.yaml": user("z"),
      "b.yml": user("b"),
      "a.json": '{"users":[{"name":"a"}]}',
      "notes.txt": "x",
    });
    mkdirSync(join(cwd, "sub.yaml"));
    mkdirSync(join(cwd, "deeper"));
    writeFileSync(join(cwd, "deeper", "c.yaml"), user("c"));
    const context = { cwd, terminal: fakeTerminal({ stdin: user("stdin") }), ...offline };
    const manifests = await readManifests(["-", "."], context);
    expect(manifests.map(({ name, source }) => `${name} ${source}`)).toEqual([
      "stdin standard input:1",
      "a a.json:1",
      "b b.yml:1",
      "z z.yaml:1",
    ]);
  });

  it("are all checked, and their faults are reported together", async () => {
    const cwd = folder({ "a.yaml": "kind: user\nname: A\n", "b.yaml": "kind: user\nnmae: b\n" });
    await expect(
      readManifests(["a.yaml", "b.yaml"], { cwd, terminal: fakeTerminal(), ...offline }),
    ).rejects.toMatchObject({
      code: "invalid_request",
      message: "3 faults; nothing was sent",
      hint: "to see the fields: mcpctl explain user",
      details: [
        { path: "a.yaml:2:1" },
        { path: "b.yaml:1:1", message: "name: is required" },
        { path: "b.yaml:2:1", message: "nmae: unknown field" },
      ],
    });
  });

  it("may not contain an object twice, but one name in two scopes", async () => {
    const token = (project: string) => `kind: token\nname: ci\nproject: ${project}\n`;
    const cwd = folder({
      "a.yaml": `${user("a")}---\n${token("x")}`,
      "b.yaml": `${token("y")}---\n${user("a")}`,
    });
    await expect(
      readManifests(["a.yaml", "b.yaml"], { cwd, terminal: fakeTerminal(), ...offline }),
    ).rejects.toThrow('b.yaml:5:1: user "a" is given twice; also at a.yaml:1');
  });

  it("are named in the error if they cannot be read or are empty", async () => {
    const cwd = folder({ "empty.yaml": "# nothing\n---\n" });
    const context = { cwd, terminal: fakeTerminal(), ...offline };
    await expect(readManifests(["no.yaml"], context)).rejects.toThrow("cannot read no.yaml: no such file");
    await expect(readManifests(["empty.yaml"], context)).rejects.toThrow("empty.yaml: no object found");
    await expect(readManifests(["-", "-"], context)).rejects.toThrow("standard input can be read only once");
  });
});
