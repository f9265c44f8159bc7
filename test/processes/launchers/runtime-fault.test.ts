import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runtimeFault } from "../../../src/processes/launchers/runtime-fault.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A folder in which npx has installed a package that asks for a version of Node.js. */
function installedPackage(name: string, node: unknown) {
  const folder = temporaryFolder();
  const at = join(folder, ".npm/_npx/4948964c6f03a544/node_modules", name);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "package.json"), JSON.stringify({ engines: { node } }));
  return folder;
}

const faultOf = (folder: string, version: string | undefined) =>
  runtimeFault({
    ...{ packageName: "npm:@bytebase/dbhub@1.4.0", folder, lines: [] },
    nodeVersion: async () => version,
  });

describe("a package of npm that does not start", () => {
  it("names the Node.js that it needs and the one of this host", async () => {
    expect(await faultOf(installedPackage("@bytebase/dbhub", ">=22.5.0"), "20.20.2")).toBe(
      "the package needs Node.js >=22.5.0, and this host has 20.20.2",
    );
  });

  it("names it also when the installation did not come to its end, by the warning of npm", async () => {
    const warning = (name: string, range: string) => [
      "npm warn EBADENGINE Unsupported engine {",
      `npm warn EBADENGINE   package: '${name}',`,
      `npm warn EBADENGINE   required: { node: '${range}' },`,
      "npm warn EBADENGINE   current: { node: 'v20.20.2', npm: '11.19.1' }",
    ];
    const lines = [...warning("other@1.0.0", ">=24"), ...warning("@bytebase/dbhub@1.4.0", ">=22.5.0")];
    const start = { packageName: "npm:@bytebase/dbhub@1.4.0", folder: "/none", lines };
    expect(await runtimeFault({ ...start, nodeVersion: async () => "20.20.2" })).toContain(
      "needs Node.js >=22.5.0, and",
    );
    expect(await runtimeFault({ ...start, nodeVersion: async () => "22.23.5" })).toBeUndefined();
  });

  it("does not blame a Node.js that is new enough, is not there, or that nobody asks for", async () => {
    expect(await faultOf(installedPackage("@bytebase/dbhub", ">=22.5.0"), "22.23.5")).toBeUndefined();
    expect(await faultOf(installedPackage("@bytebase/dbhub", ">=22.5.0"), undefined)).toBeUndefined();
    expect(await faultOf(installedPackage("@bytebase/dbhub", 22), "20.20.2")).toBeUndefined();
    expect(await faultOf(installedPackage("other", ">=22"), "20.20.2")).toBeUndefined();
    expect(await faultOf(temporaryFolder(), "20.20.2")).toBeUndefined();
  });
});

describe("a package of PyPI that does not start", () => {
  const download =
    "error: Failed to download `https://example.org/20261110/cpython-3.13.18%2B20261110-x86_64.tar.gz`";
  it.each([
    [download, "3.13"],
    [
      "error: No interpreter found for Python >=3.12,<3.15 in search path or managed installations",
      ">=3.12,<3.15",
    ],
    ["and mcp-server-docker==0.3.0 depends on Python>=3.12, we can conclude that", ">=3.12"],
  ])("names the Python that it needs: %s", async (line, version) => {
    const start = { packageName: "pypi:ha-mcp==8.7.0", folder: "/none", nodeVersion: async () => "20.0.0" };
    expect(await runtimeFault({ ...start, lines: ["warning: x", line, "  cause: dns error"] })).toBe(
      `the package needs Python ${version}, which this host lacks and uv cannot download`,
    );
    expect(await runtimeFault({ ...start, python: ">=3.13", lines: [line] })).toContain(
      "needs Python >=3.13, which",
    );
    expect(
      await runtimeFault({ ...start, lines: ["Error: HOMEASSISTANT_TOKEN is not set"] }),
    ).toBeUndefined();
  });
});
