import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseManifests } from "../../../src/cli/manifest/read.ts";
import { changesTo } from "../../../src/cli/manifest/reconcile.ts";
import { toYaml, yamlText } from "../../../src/cli/output/yaml.ts";
import type { Resource } from "../../../src/kinds/define.ts";
import { kindOf, kinds } from "../../../src/kinds/index.ts";
import { completeConfig } from "../../../src/kinds/secret-backends/config.ts";
import { validateFields } from "../../../src/kinds/validate.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { valuesOf } from "../../support/cli/schema-values.ts";

const times = { version: 3, createdAt: "2026-11-21T10:00:00.000Z", updatedAt: "2026-11-21T10:00:00.000Z" };

function resource(id: string, fields: { name: string } & Record<string, unknown>): Resource {
  return { id, ...times, ...fields };
}

describe("toYaml", () => {
  it("begins with kind and name, keeps the descriptor's order, and leaves read-only fields out", () => {
    const llm = resource("llm_1", {
      apiKeyRef: { key: "api-key", name: "anthropic" },
      description: "",
      extraConfig: {},
      model: "claude-sonnet-5",
      name: "claude",
      origin: "static",
      owner: "alice",
      lastSeenAt: null,
      status: "active",
      tier: "heavy",
      type: "anthropic",
      url: "",
      visibility: "public",
    });
    expect(toYaml(kindOf("llm"), [llm])).toBe(`kind: llm
name: claude
type: anthropic
model: claude-sonnet-5
tier: heavy
apiKeyRef:
  name: anthropic
  key: api-key
visibility: public
`);
  });

  it("shows the fields of the server where nobody writes an object of the kind", () => {
    const instance = resource("ins_1", {
      name: "files-1",
      server: "files",
      status: "idle",
      pid: 7,
      container: null,
    });
    expect(toYaml(kindOf("instance"), [instance])).toBe(`kind: instance
name: files-1
server: files
status: idle
pid: 7
`);
  });

  it("prints text of several lines as a block, and separates documents", () => {
    const projects = ["a", "b"].map((name) =>
      resource(`prj_${name}`, {
        name,
        prompt: "Be brief.\n\n  Be kind: always.\n",
        description: "yes",
        servers: ["x"],
      }),
    );
    expect(toYaml(kindOf("project"), projects)).toBe(`kind: project
name: a
description: "yes"
prompt: |
  Be brief.

    Be kind: always.
servers:
  - x
---
kind: project
name: b
description: "yes"
prompt: |
  Be brief.

    Be kind: always.
servers:
  - x
`);
  });

  it("prints the keys of a secret and never a value", () => {
    const secret = resource("sec_1", {
      name: "a",
      backend: "default",
      keys: ["k"],
      externalRef: "r",
      data: { k: "hunter2" },
    });
    expect(toYaml(kindOf("secret"), [secret])).toBe(
      "kind: secret\nname: a\nbackend: default\nkeys:\n  - k\n",
    );
  });

  it("escapes control characters (T42)", () => {
    const text = yamlText({ a: "x\u001b[31m\ny", "k\u009b2J": "\u202eabc\u2066", c: "tab\tand\nbreak\n" });
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    expect(Bun.YAML.parse(text)).toEqual({
      a: "x\u001b[31m\ny",
      "k\u009b2J": "\u202eabc\u2066",
      c: "tab\tand\nbreak\n",
    });
  });
});

describe("get -o yaml | apply -f -", () => {
  let server: FakeCatalogue;
  beforeEach(() => {
    server = new FakeCatalogue();
  });
  afterEach(() => server.stop());

  it.each(kinds)("changes nothing, whatever a $kind contains", async (kind) => {
    await fc.assert(
      fc.asyncProperty(valuesOf(kind.fields), async (given) => {
        const { fields, faults } = validateFields(kind, given as Record<string, unknown>);
        fc.pre(faults.length === 0);
        const { type, config } = fields;
        // The server stores the config of an OpenBao with its defaults.
        if (type === "openbao")
          fields["config"] = completeConfig(type, config as Record<string, unknown>).config;
        const live = resource(`${kind.idPrefix}_1`, { name: "it", ...fields, keys: ["k"] });
        for (const field of kind.writeOnly) delete live[field];
        const [manifest] = parseManifests(toYaml(kind, [live]), "export");
        expect(await changesTo(kind, live, manifest!.fields)).toEqual({});
        // A create would fill in the fields that are left out.
        const again = validateFields(kind, manifest!.fields).fields;
        for (const field of Object.keys(kind.fields.properties))
          expect(again[field] ?? null).toEqual(live[field] ?? null);
      }),
      { numRuns: 60 },
    );
  });

  it("works with -o json as well", async () => {
    const llm = server.seed("llms", { name: "claude", type: "openai", model: "m" });
    const run = await server.run(["apply", "-f", "-"], { stdin: JSON.stringify([llm], null, 2) });
    expect(run).toEqual({ code: 0, stdout: "llm 'claude' unchanged\n", stderr: "" });
    expect(server.writes).toEqual([]);
  });

  it("writes nothing", async () => {
    const made = kinds.filter(({ writes }) => writes.includes("create"));
    for (const kind of made) server.seed(kind.plural, kind.example);
    const objects = [...server.objects].map(([key, object]) => ({
      kind: kinds.find(({ plural }) => key.startsWith(`${plural}/`))!,
      object,
    }));
    const exported = objects.map(({ kind, object }) => toYaml(kind, [object])).join("---\n");
    const { code, stdout, stderr } = await server.run(["apply", "-f", "-"], { stdin: exported });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toEqual(
      made.map((kind) => `${kind.kind} '${kind.example.name}' unchanged`),
    );
    expect(server.writes).toEqual([]);
  });
});
