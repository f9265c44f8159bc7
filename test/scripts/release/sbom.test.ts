import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageFile from "../../../package.json";
import { dependencies, thirdPartyLicences } from "../../../scripts/release/dependencies.ts";
import { billOfMaterials } from "../../../scripts/release/sbom.ts";

const all = dependencies();
const of = { version: "1.2.3", commit: "0123456789abcdef", date: new Date("2026-11-29T12:00:00Z") };

describe("the dependencies of a release", () => {
  it("are those of package.json and theirs, once each, with the sums of the lock file", () => {
    const names = all.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(packageFile.dependencies)));
    // Of Elysia, and of Ink.
    expect(names).toEqual(expect.arrayContaining(["memoirist", "ansi-styles"]));
    expect(new Set(all.map(({ name, version }) => `${name}@${version}`)).size).toBe(all.length);
    const lock = readFileSync(join(import.meta.dirname, "../../../bun.lock"), "utf8");
    for (const { sha512 } of all) expect(lock).toContain(`sha512-${sha512}`);
  });

  it("are none of those that only tests and builds use", () => {
    const names = all.map(({ name }) => name);
    for (const name of ["vitest", "typescript", "@biomejs/biome", "better-sqlite3", "openai"])
      expect(names).not.toContain(name);
  });

  it("come with their licences", () => {
    for (const { name, license } of all) expect([name, typeof license]).toEqual([name, "string"]);
    const text = thirdPartyLicences(all);
    for (const { name, version } of all) expect(text).toContain(`${name} ${version} (`);
    expect(text).toContain("JavaScriptCore");
  });
});

describe("the bill of materials", () => {
  it("is CycloneDX with a component for Bun and for each package, and the same each time", () => {
    const text = billOfMaterials(all, of);
    expect(billOfMaterials(dependencies(), of)).toBe(text);
    const document = JSON.parse(text);
    expect(document).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 });
    expect(document.metadata.timestamp).toBe("2026-11-29T12:00:00.000Z");
    expect(document.components).toHaveLength(all.length + 1);
    const client = document.components.find(
      (one: { name: string }) => one.name === "@modelcontextprotocol/client",
    );
    expect(client.purl).toMatch(/^pkg:npm\/%40modelcontextprotocol\/client@\d/);
    expect(client.hashes[0]).toEqual({ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) });
    const refs = document.components.map((one: Record<string, string>) => one["bom-ref"]);
    expect(document.dependencies[0].dependsOn).toEqual(refs);
  });
});
