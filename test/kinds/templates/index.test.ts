import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serverFrom } from "../../../src/kinds/fill-template.ts";
import { mcpServer } from "../../../src/kinds/mcp-server.ts";
import { isName } from "../../../src/kinds/names.ts";
import { template } from "../../../src/kinds/template.ts";
import { faultsInTemplate } from "../../../src/kinds/template-values.ts";
import { builtInTemplates } from "../../../src/kinds/templates/index.ts";
import { validateFields } from "../../../src/kinds/validate.ts";

describe("the templates that come with mcpctl", () => {
  it("are about twenty, each with a name of its own", () => {
    const names = builtInTemplates.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(20);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !isName(name))).toEqual([]);
  });

  it("stand in the documentation, each with its package", () => {
    const page = readFileSync(join(import.meta.dirname, "../../../docs/mcp-templates.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const told = rows.map((row) =>
      row
        .split("|")
        .slice(1, 3)
        .map((cell) => cell.replaceAll("`", "").trim()),
    );
    const known = builtInTemplates.map(({ name, server }) => [name, server["package"] ?? server["url"]]);
    expect(told.toSorted()).toEqual(known.toSorted());
  });

  it.each(builtInTemplates.map((one) => [one.name, one] as const))(
    "%s makes a valid server of one pinned source",
    (_, { name: __, ...spec }) => {
      expect(validateFields(template, { ...spec }).faults).toEqual([]);
      expect(faultsInTemplate(spec)).toEqual([]);
      const values = Object.fromEntries(
        spec.parameters.map(({ name, secret, default: fallback }) => [
          name,
          secret ? { name: "s", key: "k" } : (fallback ?? "/srv/x"),
        ]),
      );
      const server = serverFrom(spec, values);
      expect(validateFields(mcpServer, server).faults).toEqual([]);
      expect(JSON.stringify(server)).not.toContain("${");
      if ("package" in server)
        expect(server["package"]).toMatch(/^(npm:.+@\d+\.\d+\.\d+|pypi:.+==\d[\d.]+)$/);
      else expect(server["url"]).toMatch(/^https:/);
      for (const parameter of spec.parameters) expect(parameter.description).toMatch(/^\S.*[^.]$/);
    },
  );
});

describe("serverFrom", () => {
  const parameters = [
    { name: "A", required: true },
    { name: "B", default: "b" },
    { name: "C" },
    { name: "T", secret: true },
  ];
  const server = {
    args: ["${A}/x", "${B}", "${C}", "--c=${C}"],
    env: [
      { name: "TOKEN", value: "${T}" },
      { name: "C", value: "${C}" },
      { name: "PLAIN", value: "p" },
    ],
    description: "${A} and ${A}",
    replicas: 2,
  };

  it("fills parameters in, and leaves out what has no value", () => {
    expect(serverFrom({ parameters, server }, { A: "$& ${B}" })).toEqual({
      args: ["$& ${B}/x", "b", "--c="],
      env: [{ name: "PLAIN", value: "p" }],
      description: "$& ${B} and $& ${B}",
      replicas: 2,
    });
  });

  it("refers to the secret of a secret parameter, and contains no value of it", () => {
    const made = serverFrom({ parameters, server }, { A: "a", T: { name: "gh", key: "token" } });
    expect((made["env"] as unknown[])[0]).toEqual({
      name: "TOKEN",
      valueFrom: { secretRef: { name: "gh", key: "token" } },
    });
  });
});
