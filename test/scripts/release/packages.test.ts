import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Format, formats, makePackage } from "../../../scripts/release/packages.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const date = new Date("2026-11-29T12:00:00Z");

interface Scripts {
  scripts: Record<string, string>;
}
type Config = Scripts & {
  name: string;
  version: string;
  release?: string;
  contents: { src: string; file_info: { mtime: string } }[];
  apk?: Scripts;
};

const { version } = JSON.parse(readFileSync("package.json", "utf8"));

/** Makes a package with a program in the place of nfpm that keeps its configuration. */
function configOf(format: Format): Config {
  const folder = temporaryFolder();
  const [nfpm, program, work] = ["nfpm", "mcpctl", "work"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(nfpm, `#!/bin/sh\ncp "$3" ${folder}/config\necho created package: some.${format}\n`, {
    mode: 0o755,
  });
  writeFileSync(program, "");
  mkdirSync(work);
  const edition = { version, date };
  makePackage({ format, arch: "arm64", program, companions: [], edition, nfpm, work, outFolder: folder });
  return JSON.parse(readFileSync(join(folder, "config"), "utf8"));
}

it.each(Object.keys(formats) as Format[])(
  "the files and scripts of a .%s have the time of the commit, not that of the checkout",
  (format) => {
    const { contents, scripts, apk } = configOf(format);
    expect(new Set(contents.map(({ file_info }) => file_info.mtime))).toEqual(new Set([date.toISOString()]));
    const paths = [...Object.values(scripts), ...Object.values(apk?.scripts ?? {})];
    expect(paths.length).toBe(format === "apk" ? 4 : 3);
    // nfpm takes their times from the disk.
    for (const path of paths) expect([path, statSync(path).mtimeMs]).toEqual([path, date.getTime()]);
    for (const path of paths) expect(readFileSync(path, "utf8")).toMatch(/^#!\/bin\/sh\n/);
  },
);

it("docs/install.md installs the packages by the names that nfpm gives them", () => {
  const guide = readFileSync("docs/install.md", "utf8");
  const named = (format: Format, nameOf: (config: Config) => string) =>
    expect(guide).toContain(` ./${nameOf(configOf(format))}`);
  named("deb", ({ name, version }) => `${name}_${version}_amd64.deb`);
  named("rpm", ({ name, version, release }) => `${name}-${version}-${release}.x86_64.rpm`);
  named("apk", ({ name, version, release }) => `${name}_${version}-${release}_x86_64.apk`);
});
