import { describe, expect, it } from "vitest";
import { launcherLists } from "../../../src/processes/launchers/launchers.ts";
import { parsePackage } from "../../../src/processes/launchers/package-source.ts";
import { errorOf } from "../../support/error-of.ts";

describe("the name of a package", () => {
  it.each([
    ["npm:mcp-server@1.2.3", "npm", "mcp-server", "1.2.3"],
    [
      "npm:@modelcontextprotocol/server-everything@2026.8.31",
      "npm",
      "@modelcontextprotocol/server-everything",
      "2026.8.31",
    ],
    ["npm:server@1.0.0-rc.1+build.5", "npm", "server", "1.0.0-rc.1+build.5"],
    ["npm:server@next", "npm", "server", "next"],
    ["npm:server", "npm", "server", undefined],
    ["pypi:mcp-server-time==2025.1", "pypi", "mcp-server-time", "2025.1"],
    ["pypi:mcp_server.git==1!2.0rc1", "pypi", "mcp_server.git", "1!2.0rc1"],
    ["pypi:server", "pypi", "server", undefined],
  ])("%s is read", (text, registry, name, version) => {
    expect(parsePackage(text)).toEqual({ registry, name, version, extras: [] });
  });

  it("may have extras on PyPI", () => {
    expect(parsePackage("pypi:server[cli,sql]==1.0")).toMatchObject({
      name: "server",
      extras: ["cli", "sql"],
    });
  });

  // T147
  it.each([
    "",
    "server",
    "npm:",
    "npm:--call=id",
    "npm:-y",
    "npm:@scope",
    "npm:@-scope/-name",
    "npm:../evil",
    "npm:/tmp/evil",
    "npm:a b",
    "npm:a;id",
    "npm:a@$(id)",
    "npm:a@file:/tmp/evil",
    "npm:a@npm:evil",
    "npm:a@git+ssh://host/evil",
    "npm:git+ssh://host/evil",
    "npm:https://host/evil.tgz",
    "npm:owner/repository",
    "npm:a@>=1",
    "npm:a@--call",
    "npm:a@1.0.0\n--call=id",
    "pypi:--index-url=http://host",
    "pypi:a @ https://host/evil.whl",
    "pypi:git+https://host/evil",
    "pypi:./evil",
    "pypi:a>=1",
    "pypi:a==1;id",
    "pypi:a[--x]==1",
    "gem:a",
    `npm:${"a".repeat(400)}`,
  ])("%j is refused", async (text) => {
    expect(await errorOf(() => parsePackage(text))).toMatchObject({ code: "invalid_request" });
  });
});

describe("the words of a launcher", () => {
  it.each(
    Object.entries(launcherLists).flatMap(([registry, { launchers }]) =>
      launchers.map((launcher) => [launcher.program, registry, launcher] as const),
    ),
  )(
    "%s end with the package, so that arguments of the package are no flags of it",
    (program, registry, { words }) => {
      const version = registry === "npm" ? "@1.2.3" : "==1.2.3";
      const found = words(parsePackage(`${registry}:server${version}`));
      const name = { npx: "server@1.2.3", bunx: "server@1.2.3", uvx: "server", pipx: "server" }[program];
      expect(found.at(-1)).toBe(name);
      expect(found).toContain(`server${version}`);
    },
  );
});
