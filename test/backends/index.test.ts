import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { backendModules } from "../../src/backends/index.ts";
import type { BackendModule, Driver } from "../../src/backends/types.ts";
import type { BackendType } from "../../src/kinds/secret-backends/define.ts";
import { backendTypes } from "../../src/kinds/secret-backends/index.ts";
import { validate } from "../../src/kinds/validate.ts";
import { backendContract } from "../contract/backend.ts";

const root = join(import.meta.dirname, "../..");
const types: readonly BackendType[] = backendTypes;
const modules: Readonly<Record<string, BackendModule>> = backendModules;

const sources = [...new Bun.Glob("src/**/*.ts").scanSync(root)].map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));

/** Each type's tests have a file `open.ts` that opens an empty backend. */
const openers: Record<string, () => Promise<Driver>> = {};
for (const { name } of types) openers[name] = (await import(`./${name}/open.ts`)).open;

describe.each(types.map((type) => [type.name, type] as const))("secret backend %s", (name, type) => {
  backendContract(name, openers[name]!);

  it("has a driver with a login where its descriptor has one", async () => {
    const driver = await openers[name]!();
    expect(driver.login !== undefined).toBe(type.login !== undefined);
    expect(modules[name]!.setUp !== undefined).toBe(type.setUp !== undefined);
  });

  it("has a config without other fields, each with a description", () => {
    expect(type.config.additionalProperties).toBe(false);
    for (const [field, schema] of Object.entries(type.config.properties))
      expect(schema.description, field).toMatch(/^\S.*\S$/);
    const example = type.example?.config;
    if (example) expect(type.complete?.(example).faults ?? validate(type.config, example)).toEqual([]);
  });

  it("has flags for fields of its config, each with a description and no word of the type in it", () => {
    for (const [flag, { field, description }] of Object.entries(type.flags ?? {})) {
      expect(Object.keys(type.config.properties), flag).toContain(field.split(".")[0]);
      expect(description, flag).not.toContain(name);
    }
    if (type.setUp) expect(Object.keys(type.config.properties)).toContain(type.setUp.fills);
  });

  it("has a row in the table of docs/secrets.md", () => {
    const rows = readFileSync(join(root, "docs/secrets.md"), "utf8").split("\n");
    expect(rows.filter((row) => row.startsWith(`| \`${name}\` |`))).toHaveLength(1);
  });

  it("is asked for by name nowhere else in src", () => {
    const asked = new RegExp(`type\\W*[!=]==? "${name}"|type: "${name}"`);
    // Formats of providers have types of their own.
    const asking = sources
      .filter(({ path, text }) => !/^src\/(adapters|wire)\//.test(path) && asked.test(text))
      .map(({ path }) => path);
    // The backend that every server has is of this type.
    expect(asking).toEqual(name === "plaintext" ? ["src/server/core/seed.ts"] : []);
  });
});

it("keeps the particulars of OpenBao in its folder and its descriptor", () => {
  const own = /^src\/(backends\/openbao\/|kinds\/secret-backends\/openbao\.ts$)/;
  const naming = sources.filter(({ path, text }) => !own.test(path) && /openbao/i.test(text));
  const lists = ["src/backends/index.ts", "src/kinds/secret-backends/index.ts"];
  expect(naming.map(({ path }) => path).sort()).toEqual(lists);
});
