import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { compile, head, root } from "../compile.ts";
import { archive, companions } from "./archive.ts";
import { writeChecksums } from "./checksums.ts";
import { dependencies, thirdPartyLicences } from "./dependencies.ts";
import { homebrewFormula, nixFlake } from "./formula.ts";
import { imageLayout } from "./image.ts";
import { type Arch, libcMembers } from "./libc.ts";
import { buildNfpm, type Format, formats, makePackage } from "./packages.ts";
import { platforms as allPlatforms, type Platform, programOn } from "./platforms.ts";
import { fetchRuntimes, runtimeOf } from "./runtimes.ts";
import { billOfMaterials } from "./sbom.ts";
import { type Member, sha256 } from "./tar.ts";

/** Options of a release. */
export interface ReleaseOptions {
  platforms: readonly Platform[];
  /** The folder on the web where the files will be. */
  url: string | undefined;
  /** A folder with packages of the C library for the image, where the package manager has others. */
  libc: string | undefined;
}

/** Makes the release of the current commit in a folder, which is emptied first. */
export async function makeRelease(folder: string, options: ReleaseOptions): Promise<void> {
  const { commit, date } = head();
  const edition = { version, date };
  const work = mkdtempSync(join(tmpdir(), "mcpctl-build-"));
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const bundled = dependencies();
    const others = await companions(edition, thirdPartyLicences(bundled));
    writeFileSync(
      join(folder, `mcpctl-${version}.cdx.json`),
      billOfMaterials(bundled, { version, commit, date }),
    );

    if (options.platforms.length > 0) fetchRuntimes();
    for (const platform of options.platforms) {
      const program = join(work, platform.name, programOn(platform));
      mkdirSync(join(work, platform.name));
      await timed(platform.name, async () => {
        await compile({
          platform: platform.name,
          target: platform.target,
          runtime: runtimeOf(platform),
          outfile: program,
        });
        const { name, bytes } = archive(platform, readFileSync(program), others, edition);
        writeFileSync(join(folder, name), bytes);
        copyFileSync(
          program,
          join(folder, name.replace(".tar.gz", programOn(platform).slice("mcpctl".length))),
        );
      });
    }
    const script = readFileSync(join(root, "packaging/install.sh"), "utf8");
    writeFileSync(join(folder, "install.sh"), script.replace("@URL@", options.url ?? ""), { mode: 0o755 });
    await makePackages(folder, work, options, others, edition);
    await timed("image", async () => makeImage(folder, work, options, others, edition, commit));
    writeFormulas(folder, options);
    writeChecksums(folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes the packages of the platforms that were compiled. */
async function makePackages(
  outFolder: string,
  work: string,
  { platforms }: ReleaseOptions,
  companions: readonly Member[],
  edition: { version: string; date: Date },
): Promise<void> {
  const wanted = Object.entries(formats).flatMap(([format, archs]) =>
    Object.entries(archs).map(([name, arch]) => ({ format: format as Format, name, arch })),
  );
  const possible = wanted.filter(({ name }) => platforms.some((platform) => platform.name === name));
  if (possible.length === 0) return;
  const nfpm = join(work, "nfpm");
  await timed("nfpm", async () => buildNfpm(nfpm));
  for (const { format, name, arch } of possible)
    await timed(`${format} for ${arch}`, async () => {
      const own = mkdtempSync(join(work, "package-"));
      const platform = allPlatforms.find((one) => one.name === name)!;
      const program = join(work, name, programOn(platform));
      makePackage({ format, arch, program, companions, edition, nfpm, work: own, outFolder });
    });
}

/** The platforms that the image has programs of. */
const imagePlatforms: Record<string, Arch> = { "linux-x64-baseline": "amd64", "linux-arm64": "arm64" };

function makeImage(
  outFolder: string,
  work: string,
  { platforms, libc }: ReleaseOptions,
  companions: readonly Member[],
  edition: { version: string; date: Date },
  commit: string,
): void {
  const licences = companions.filter(({ path }) => /LICENSE/.test(path));
  const place = mkdtempSync(join(work, "image-"));
  const sources = platforms.flatMap((platform) => {
    const arch = imagePlatforms[platform.name];
    if (arch === undefined) return [];
    const program = readFileSync(join(work, platform.name, programOn(platform)));
    return [{ arch, program, libc: libcMembers(arch, mkdtempSync(join(place, "libc-")), libc), licences }];
  });
  if (sources.length === 0) return;
  writeFileSync(join(outFolder, `mcpctl-${version}-image.tar`), imageLayout(sources, edition, commit));
}

/** Writes the formula and the flake, where it is known where the archives will be. */
function writeFormulas(folder: string, { platforms, url }: ReleaseOptions): void {
  if (url === undefined) return;
  const sums = new Map(
    platforms.map(({ name }) => [
      name,
      sha256(readFileSync(join(folder, `mcpctl-${version}-${name}.tar.gz`))),
    ]),
  );
  writeFileSync(join(folder, "mcpctl.rb"), homebrewFormula({ version, url, sums }));
  writeFileSync(join(folder, "flake.nix"), nixFlake({ version, url, sums }));
}

async function timed(what: string, act: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await act();
  console.log(`${what} in ${Math.round((performance.now() - started) / 1000)} s`);
}
