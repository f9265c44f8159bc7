import packageFile from "../../package.json";
import type { Dependency } from "./dependencies.ts";

/** The bill of materials in CycloneDX 1.6: mcpctl, Bun, and the packages that are compiled in. */
export function billOfMaterials(
  all: readonly Dependency[],
  { version, commit, date }: { version: string; commit: string; date: Date },
): string {
  const self = `pkg:generic/mcpctl@${version}`;
  const bun = `pkg:npm/bun@${Bun.version}`;
  const components = [
    { type: "platform", name: "bun", version: Bun.version, purl: bun, "bom-ref": bun },
    ...all.map((one) => ({
      type: "library",
      name: one.name,
      version: one.version,
      purl: purlOf(one),
      "bom-ref": purlOf(one),
      hashes: [{ alg: "SHA-512", content: Buffer.from(one.sha512, "base64").toString("hex") }],
      ...(one.license !== undefined && { licenses: [{ expression: one.license }] }),
    })),
  ];
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: date.toISOString(),
      component: {
        type: "application",
        name: packageFile.name,
        version,
        description: packageFile.description,
        purl: self,
        "bom-ref": self,
        licenses: [{ expression: packageFile.license }],
        properties: [{ name: "mcpctl:commit", value: commit }],
      },
    },
    components,
    dependencies: [{ ref: self, dependsOn: components.map((one) => one["bom-ref"]) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function purlOf({ name, version }: Dependency): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
