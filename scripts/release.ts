/**
 * Makes a release in `dist/release`, from a clean checkout: programs and archives of all platforms, packages, an image,
 * a formula of Homebrew, a flake of Nix, `install.sh`, a bill of materials, and the sums of all. The same commit gives
 * the same bytes; `--check` makes it twice, in two other folders, and compares. `--platform NAME`, repeatable, makes
 * less, and `--url URL` is the folder where the files will be. It needs git, and Go for the packages.
 */
import { parseArgs } from "node:util";
import { assertBun, root } from "./compile.ts";
import { compareReleases } from "./release/compare.ts";
import { makeRelease } from "./release/make.ts";
import { platformNamed, platforms } from "./release/platforms.ts";

assertBun();
const { values: flags } = parseArgs({
  options: {
    check: { type: "boolean" },
    platform: { type: "string", multiple: true },
    url: { type: "string" },
    libc: { type: "string" },
  },
});
const changed = Bun.spawnSync(["git", "-C", root, "status", "--porcelain"]).stdout.toString().trim();
if (changed !== "")
  throw new Error(`a release is made of a commit, and these files are not committed:\n${changed}`);
const options = {
  platforms: flags.platform?.map(platformNamed) ?? platforms,
  url: flags.url,
  libc: flags.libc,
};
if (flags.check) await compareReleases(process.argv.slice(2).filter((word) => word !== "--check"));
else await makeRelease(`${root}/dist/release`, options);
