import { describe, expect, it } from "vitest";
import { parse } from "../../src/cli/core/parse.ts";
import { argsOf } from "../../src/cli/flags/define.ts";
import { fieldsFrom } from "../../src/cli/flags/fields.ts";
import { kinds } from "../../src/kinds/index.ts";
import { allowsWrite } from "../../src/kinds/writes.ts";
import type { ShownKind } from "../../src/web/api/kinds.ts";
import { leavesOf } from "../../src/web/api/schema.ts";
import { createCommand, patchCommand } from "../../src/web/objects/commands.ts";
import { changesOf, textsOf, valuesOf } from "../../src/web/objects/values.ts";
import { bindingName, grantWord } from "../../src/web/screens/access/grants.ts";

/** The kinds as the page gets them. */
const shown = JSON.parse(JSON.stringify(kinds)) as (ShownKind & {
  example: { name: string } & Record<string, unknown>;
})[];
const shownKind = (name: string) => shown.find(({ kind }) => kind === name)!;

/** The words of a command line, as a shell reads them. */
function shellWords(line: string): string[] {
  return (line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? []).map((word) =>
    word.replace(/'([^']*)'|\\(')/g, (_, quoted, escaped) => quoted ?? escaped),
  );
}

const writable = shown.filter((_, i) => allowsWrite(kinds[i]!, "create"));

describe("the form of an object", () => {
  it.each(writable.map((kind) => [kind.kind, kind] as const))(
    "of the kind %s sends what it shows",
    (_, kind) => {
      const { name, ...fields } = kind.example;
      expect(valuesOf(kind.fields, textsOf(kind.fields, fields))).toEqual(fields);
      const texts = textsOf(kind.fields, fields);
      expect(changesOf(kind.fields, texts, texts)).toEqual({});
    },
  );

  it("sends only what was changed, a group of fields as a whole, and null for what was cleared", () => {
    const { fields } = shownKind("user");
    const before = textsOf(fields, { displayName: "Alice", limits: { tokensPerDay: 5, costPerDay: 1 } });
    expect(changesOf(fields, before, { ...before, "limits.costPerDay": "" })).toEqual({
      limits: { tokensPerDay: 5 },
    });
    expect(
      changesOf(fields, before, {
        ...before,
        "limits.costPerDay": "",
        "limits.tokensPerDay": "",
        displayName: "",
      }),
    ).toEqual({ limits: null, displayName: null });
    const agent = shownKind("agent").fields;
    const persona = textsOf(agent, {
      llm: "gpt",
      description: "x",
      systemPrompt: "y",
      defaultParams: { seed: 1 },
    });
    expect(changesOf(agent, persona, { ...persona, description: "" })).toEqual({ description: "" });
  });

  it("names a field whose text cannot be read, and sends nothing", () => {
    const { fields } = shownKind("agent");
    expect(() => changesOf(fields, {}, { defaultParams: "{seed: 1}" })).toThrow("defaultParams must be JSON");
    expect(() => changesOf(shownKind("llm").fields, {}, { apiKeyRef: "sk-x" })).toThrow(
      "apiKeyRef must be SECRET/KEY",
    );
  });

  it("asks for every field of every kind", () => {
    for (const { fields } of shown)
      expect(new Set(leavesOf(fields).map(({ path }) => path.split(".")[0]))).toEqual(
        new Set(Object.keys(fields.properties ?? {})),
      );
  });
});

describe("the command line of a form", () => {
  it.each(writable.map((kind) => [kind.kind, kind] as const))(
    "of the kind %s makes the same object",
    async (_, kind) => {
      const { name, ...fields } = kind.example;
      const [program, verb, word, shownName, ...flags] = shellWords(createCommand(kind, name, fields));
      expect([program, verb, word, shownName]).toEqual(["mcpctl", "create", kind.kind, name]);
      const own = kinds.find((one) => one.kind === kind.kind)!;
      const args = {
        ...argsOf(own),
        ...(own.scopedBy && { project: { type: "string" as const, alias: "p" } }),
      };
      const given = parse(flags, args);
      const made = await fieldsFrom(own, name, given, {
        ...{
          cwd: "/",
          now: () => 0,
          terminal: { inIsTerminal: false, readStdin: async () => "value" } as never,
        },
        flags: { project: given["project"] } as never,
      });
      const hidden = Object.fromEntries(
        Object.entries(fields).filter(([field]) => !kind.writeOnly.includes(field)),
      );
      expect(made).toMatchObject(hidden);
    },
  );

  it("never has a password or a value of a secret in it (T283)", () => {
    const user = createCommand(shownKind("user"), "alice", {
      displayName: "Alice B",
      password: "open sesame",
    });
    expect(user).toBe("mcpctl create user alice --display-name 'Alice B' --password-stdin");
    const changed = patchCommand(shownKind("user"), { id: "u", name: "alice" }, { password: "open sesame" });
    expect(changed).toBe("mcpctl patch user alice password=-");
    expect(createCommand(shownKind("secret"), "openai", { data: { "api-key": "sk-x" } })).toBe(
      "mcpctl create secret openai --data api-key=-",
    );
  });

  it("names the project of an object whose name is unique in it alone", () => {
    const prompt = { id: "p", name: "style", project: "website" };
    expect(patchCommand(shownKind("prompt"), prompt, { priority: 7, content: "It's 1" })).toBe(
      "mcpctl patch prompt style priority=7 'content=It'\\''s 1' -p website",
    );
  });
});

it("a binding gets a name that no other has", () => {
  const grant = { role: "run", resource: "llms", name: "gpt-4.1" };
  const alice = { kind: "User", name: "alice" };
  expect(bindingName(alice, grant, new Set())).toBe("alice-run-llms-gpt-4-1");
  expect(bindingName(alice, grant, new Set(["alice-run-llms-gpt-4-1"]))).toBe("alice-run-llms-gpt-4-1-2");
  expect(bindingName(alice, { role: "view", resource: "*" }, new Set())).toBe("alice-view-all");
  expect(grantWord({ role: "run", action: "backup" })).toBe("run backup");
});
