import { describe, expect, it } from "vitest";
import { globalArgs } from "../../../src/cli/core/globals.ts";
import { argsOf } from "../../../src/cli/flags/define.ts";
import { kindOf, kinds } from "../../../src/kinds/index.ts";

describe("the flags of a kind", () => {
  it("are its fields in kebab-case, unless the descriptor names them", () => {
    const args = argsOf(kindOf("llm"));
    expect(Object.keys(args)).toEqual([
      "extra",
      "alias",
      "max-concurrent",
      "queue-seconds",
      "price",
      "timeouts",
      "capabilities",
      "type",
      "model",
      "url",
      "tier",
      "description",
      "api-key-ref",
      "responses",
      "quirks",
      "allow-model-override",
      "pool-name",
      "admits",
      "visibility",
    ]);
    expect(args["tier"]).toMatchObject({ type: "enum", options: ["fast", "heavy"] });
    expect(args["api-key-ref"]).toMatchObject({ type: "string", valueHint: "SECRET/KEY" });
    expect(args["extra"]).toMatchObject({ type: "string", valueHint: "k=v", multiple: true });
    expect(argsOf(kindOf("project"))).toMatchObject({
      description: { alias: ["d"] },
      "mcp-server": { multiple: true, alias: ["server"] },
    });
    const backend = argsOf(kindOf("secretbackend"));
    expect(backend).toMatchObject({
      default: { type: "boolean" },
      config: { multiple: true },
      "token-secret": { type: "string", valueHint: "SECRET/KEY" },
      "ca-cert": { type: "string", valueHint: "FILE" },
    });
    for (const flag of ["token-secret", "ca-cert", "url"])
      expect(backend[flag]).not.toHaveProperty("multiple");
  });

  it("never accept a password, and leave the project to the global flag", () => {
    expect(Object.keys(argsOf(kindOf("user")))).toEqual(["limit", "quota", "display-name", "password-stdin"]);
    expect(argsOf(kindOf("user"))["password-stdin"]).toMatchObject({ type: "boolean" });
    expect(Object.keys(argsOf(kindOf("token")))).toEqual(["bind", "ttl", "limit", "description"]);
  });

  it("do not replace global flags, except --project of an agent", () => {
    const replaced = kinds.flatMap((kind) =>
      Object.keys(argsOf(kind)).flatMap((flag) =>
        Object.hasOwn(globalArgs, flag) ? [`${kind.kind} --${flag}`] : [],
      ),
    );
    expect(replaced).toEqual(["agent --project"]);
  });
});
