import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../src/commands.ts";
import { root } from "../compile.ts";
import { completions, type Edition, manualPages } from "./man.ts";
import { type Platform, programOn } from "./platforms.ts";
import { gzip, type Member, tar } from "./tar.ts";

/** The files that come with the program on every platform: licences, manual, completions. */
export async function companions(edition: Edition, thirdParty: string): Promise<Member[]> {
  const plain = ["LICENSE", "README.md", "CHANGELOG.md"].map((path) => ({
    path,
    content: readFileSync(join(root, path)),
  }));
  return [
    ...plain,
    { path: "THIRD-PARTY-LICENSES", content: thirdParty },
    ...completions(),
    ...(await manualPages(commands, edition)),
  ];
}

/** The files that come with the program on Linux: units of systemd, and the script of OpenRC. */
export function services(): Member[] {
  const folder = join(root, "packaging");
  const units = readdirSync(join(folder, "systemd")).sort();
  return [
    ...units.map((name) => ({
      path: `systemd/${name}`,
      content: readFileSync(join(folder, "systemd", name)),
    })),
    { path: "openrc/mcpctl", content: readFileSync(join(folder, "openrc/mcpctl")), mode: 0o755 },
  ];
}

/** The archive of a platform, `mcpctl-1.2.0-linux-x64.tar.gz`: one folder with the program and its companions. */
export function archive(
  platform: Platform,
  program: Uint8Array,
  others: readonly Member[],
  { version, date }: Edition,
): { name: string; bytes: Uint8Array<ArrayBuffer> } {
  const folder = `mcpctl-${version}-${platform.name}`;
  const members = [
    { path: programOn(platform), content: program, mode: 0o755 },
    ...others,
    ...(platform.name.startsWith("linux") ? services() : []),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const inFolder = members.map((member) => ({ ...member, path: `${folder}/${member.path}` }));
  return { name: `${folder}.tar.gz`, bytes: gzip(tar([{ path: `${folder}/` }, ...inFolder], date)) };
}
