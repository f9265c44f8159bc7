import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseManifests } from "../../../src/cli/manifest/read.ts";
import { kinds } from "../../../src/kinds/index.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { expectGolden } from "../../support/cli/golden.ts";

let server: FakeCatalogue;
beforeEach(() => {
  server = new FakeCatalogue();
});
afterEach(() => server.stop());

async function explained(what: string[]): Promise<string> {
  const { code, stdout, stderr } = await server.run(["explain", ...what]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("explain", () => {
  it("prints kinds and fields as JSON", async () => {
    const all = JSON.parse(await explained(["-o", "json"]));
    expect(all.map(({ kind }: { kind: string }) => kind)).toEqual(kinds.map(({ kind }) => kind));
    const llm = JSON.parse(await explained(["llm", "-o", "json"]));
    expect(llm.fields.properties.tier.anyOf).toHaveLength(2);
    expect(llm.immutable).toEqual(["type"]);
    expect(JSON.parse(await explained(["llm.tier", "-o", "json"])).default).toBe("fast");
    expect((await server.run(["explain", "llm", "-o", "name"])).code).toBe(2);
  });

  it.each(["llm", "agent", "secret", "secretbackend", "rbac"])(
    "%s: fields, what the server sets, an example",
    async (kind) => {
      expectGolden(`explain-${kind}.txt`, await explained([kind]));
    },
  );

  it.each([
    "llm.apiKeyRef",
    "llm.tier",
    "rbac.subjects",
    "rbac.roleBindings.role",
    "token.expiresAt",
    "secret.keys",
    "secretbackend.health",
  ])("describes the field %s", async (path) => {
    expectGolden(`explain-${path}.txt`, await explained([path]));
  });

  it("lists the kinds", async () => {
    expectGolden("explain.txt", await explained([]));
  });

  it.each(kinds)("prints an example of a $kind that apply accepts", async ({ kind }) => {
    const example = (await explained([kind])).split("EXAMPLE:\n")[1]!;
    expect(parseManifests(example, "example")).toHaveLength(1);
  });

  it("sends no request", async () => {
    await explained(["llm"]);
    expect(server.calls).toEqual([]);
  });

  it.each([
    ["llmm", 'unknown kind "llmm"', 'did you mean "llm"?'],
    ["Models", 'unknown kind "Models"', "a model is an llm: mcpctl get llms"],
    ["limit", 'unknown kind "limit"', "mcpctl explain user.limits"],
    ["llm.modle", 'llm.modle: unknown field; did you mean "model"?', "fields: name,"],
    ["llm.apiKeyRef.nam", 'llm.apiKeyRef.nam: unknown field; did you mean "name"?', "fields: name, key"],
    ["llm.extraConfig.x", "llm.extraConfig has no fixed fields", ""],
  ])("%s is a usage error", async (what, message, hint) => {
    const { code, stdout, stderr } = await server.run(["explain", what]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toContain(hint);
  });
});
