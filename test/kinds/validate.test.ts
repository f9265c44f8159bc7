import { Type } from "@sinclair/typebox";
import { describe, expect, it } from "vitest";
import { oneOf, SecretKeyRef } from "../../src/kinds/define.ts";
import { RoleBinding } from "../../src/kinds/grants.ts";
import { kindOf } from "../../src/kinds/index.ts";
import { validate, validateFields } from "../../src/kinds/validate.ts";

describe("validateFields", () => {
  const llm = kindOf("llm");

  it("fills in copies of the defaults, and does not change its argument", () => {
    const given = Object.freeze({ type: "openai", model: "m" });
    const { fields, faults } = validateFields(llm, given);
    expect(faults).toEqual([]);
    expect(fields).toEqual({
      type: "openai",
      model: "m",
      url: "",
      tier: "fast",
      description: "",
      apiKeyRef: null,
      extraConfig: {},
      visibility: "public",
    });
    (fields["extraConfig"] as Record<string, unknown>)["x"] = 1;
    expect(validateFields(llm, given).fields["extraConfig"]).toEqual({});
  });

  it("does not convert values", () => {
    const odd = { type: "openai", model: 5, url: null, extraConfig: ["x"], tier: ["fast"], poolName: true };
    expect(
      validateFields(llm, odd)
        .faults.map(({ path }) => path)
        .sort(),
    ).toEqual(["/extraConfig", "/model", "/poolName", "/tier", "/url"]);
  });

  it("refuses keys that would change a prototype, at any depth (T17)", () => {
    const extraConfig = JSON.parse('{"a":[{"__proto__":{"x":1}}],"constructor":1,"b/c":{"prototype":null}}');
    const { faults } = validateFields(llm, { type: "openai", model: "m", extraConfig });
    expect(faults.map(({ path }) => path)).toEqual([
      "/extraConfig/a/0/__proto__",
      "/extraConfig/constructor",
      "/extraConfig/b~1c/prototype",
    ]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  it("names the field of a text that no program could be started with, without the text (T325)", () => {
    const value = "secret\0value";
    const server = {
      ...{ command: ["/bin/echo", value], args: [value], description: "half \ud83d" },
      ...{ env: [{ name: "A", value }], hostPaths: { read: [`/${value}`] } },
      healthCheck: { tool: "t", arguments: { [value]: 1, inner: [value] } },
    };
    const { faults } = validateFields(kindOf("server"), server);
    const faulty = faults.filter(({ message }) => message.includes("NUL")).map(({ path }) => path);
    expect(faulty).toEqual([
      ...["/command/1", "/args/0", "/description", "/env/0/value", "/hostPaths/read/0"],
      ...[`/healthCheck/arguments/${value}`, "/healthCheck/arguments/inner/0"],
    ]);
    expect(faults.map(({ message }) => message).join()).not.toContain("secret");
    expect(validateFields(kindOf("server"), { command: ["/bin/echo", "größe 😀"] }).faults).toEqual([]);
  });
});

describe("validate", () => {
  it.each<[Parameters<typeof validate>[0], unknown, string]>([
    [Type.String(), 1, "must be a string"],
    [Type.Integer(), 1.5, "must be an integer"],
    [Type.Boolean(), "true", "must be a boolean"],
    [Type.Array(Type.String()), {}, "must be an array"],
    [Type.String({ minLength: 1 }), "", "must not be empty"],
    [Type.String({ minLength: 8 }), "short", "must have at least 8 characters"],
    [Type.String({ maxLength: 2 }), "long", "must have at most 2 characters"],
    [Type.String({ format: "date-time" }), "tomorrow", "must be a time such as 2026-11-21T10:00:00Z"],
    [
      Type.String({ format: "date-time" }),
      "2026-02-31T10:00:00",
      "must be a time such as 2026-11-21T10:00:00Z",
    ],
    [Type.Array(Type.String(), { uniqueItems: true }), ["a", "a"], "must not name the same thing twice"],
    [Type.Array(Type.String(), { maxItems: 1 }), ["a", "b"], "must have at most 1 elements"],
    [oneOf(["a", "b"]), "c", 'must be "a" or "b"'],
    [oneOf(["fast", "heavy"]), "fats", 'must be "fast" or "heavy"; did you mean "fast"?'],
    [oneOf(["a", "b"]), 7, 'must be "a" or "b"'],
    [Type.Literal("run"), "view", 'must be "run"'],
  ])("describes the fault in words: %j with %j", (schema, value, message) => {
    expect(validate(schema, value)).toEqual([{ path: "", message }]);
  });

  it("accepts a time of RFC 3339 with any offset", () => {
    const schema = Type.String({ format: "date-time" });
    for (const time of ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123+02:00", "2026-11-21t10:00:00z"])
      expect(validate(schema, time)).toEqual([]);
  });

  it("describes the faults of the most similar variant of a union", () => {
    expect(validate(RoleBinding, { role: "vew", resource: "llms" })).toEqual([
      { path: "/role", message: expect.stringMatching(/^must be one of "view", .*; did you mean "view"\?$/) },
    ]);
    expect(validate(RoleBinding, { role: "run", action: "bakcup" })[0]!.path).toBe("/action");
    expect(validate(RoleBinding, { role: "view", resource: "llms", nmae: "a" })).toEqual([
      { path: "/nmae", message: 'unknown field; did you mean "name"?' },
    ]);
  });

  it("names the words that tell the variants of a union apart, or the faults of the variant that is meant", () => {
    const stages = kindOf("proxymodel").fields.properties["stages"]!;
    expect(validate(stages, [{ type: "truncat" }])).toEqual([
      {
        path: "/0/type",
        message: expect.stringMatching(/^must be one of "passthrough", .*; did you mean "truncate"\?$/),
      },
    ]);
    expect(validate(stages, [{ type: "truncate", bytes: 100, a: 1, b: 2 }]).map(({ path }) => path)).toEqual([
      "/0/a",
      "/0/b",
    ]);
  });

  it("returns one fault for each place, with its pointer", () => {
    const schema = Type.Object({ list: Type.Array(SecretKeyRef) });
    expect(
      validate(schema, {
        list: [
          { name: "a", key: "b" },
          { name: "", key: 1, "a/b~c": 0 },
        ],
      }),
    ).toEqual([
      { path: "/list/1/a~1b~0c", message: "unknown field; known are name, key" },
      { path: "/list/1/name", message: "must not be empty" },
      { path: "/list/1/key", message: "must be a string" },
    ]);
  });

  it("never repeats a value in a message", () => {
    const canary = "sk-canary";
    const secret = kindOf("secret");
    for (const data of [
      { k: 5 },
      { "bad key": canary },
      [canary],
      canary,
      { k: [canary] },
      { k: canary.repeat(9000) },
    ]) {
      const { faults } = validateFields(secret, { data });
      expect(faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(faults)).not.toContain(canary);
    }
  });
});
