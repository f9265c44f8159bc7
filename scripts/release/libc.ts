import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pin from "../../packaging/image/libc.json";
import { type Member, sha256 } from "./tar.ts";

/** The processors that the image is made for. */
export type Arch = keyof typeof pin.sha256;

const layout: Record<Arch, { libraries: string; loader: string }> = {
  amd64: { libraries: "lib/x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { libraries: "lib/aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" },
};

/** All that the program is linked with; it loads nothing else. */
const names = ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"];

/**
 * Returns the C library for an image, from Debian's package. Its version and sum are pinned in
 * `packaging/image/libc.json`.
 *
 * @param work an empty folder
 * @param packages a folder with the packages, where apt no longer has this version
 */
export function libcMembers(arch: Arch, work: string, packages = download(work)): Member[] {
  const file = readdirSync(packages).find((name) => name.endsWith(`_${arch}.deb`));
  if (file === undefined) throw new Error(`${packages} has no ${pin.package} for ${arch}`);
  const path = join(packages, file);
  const sum = sha256(readFileSync(path));
  if (sum !== pin.sha256[arch])
    throw new Error(`${file} has the sum ${sum}, and packaging/image/libc.json wants ${pin.sha256[arch]}`);
  const root = join(work, `libc-${arch}`);
  run(["dpkg-deb", "--extract", path, root]);
  const { libraries, loader } = layout[arch];
  const read = (name: string) => readFileSync(realpathSync(join(root, libraries, name)));
  return [
    { path: loader, content: read(loader.slice(loader.lastIndexOf("/") + 1)), mode: 0o755 },
    ...names.map((name) => ({ path: `${libraries}/${name}`, content: read(name), mode: 0o755 })),
    {
      path: `usr/share/doc/${pin.package}/copyright`,
      content: readFileSync(join(root, "usr/share/doc", pin.package, "copyright")),
    },
  ];
}

/** Downloads the packages of all processors with apt, with lists of its own, and returns their folder. */
function download(work: string): string {
  const state = join(work, "apt");
  const folder = join(state, "packages");
  for (const name of ["lists/partial", "cache/archives/partial", "packages"])
    mkdirSync(join(state, name), { recursive: true });
  writeFileSync(join(state, "status"), "");
  const archs = Object.keys(pin.sha256);
  const settings = [
    `APT::Architecture=${archs[0]}`,
    ...archs.map((arch) => `APT::Architectures::=${arch}`),
    `Dir::State=${state}`,
    `Dir::State::status=${state}/status`,
    `Dir::Cache=${state}/cache`,
    "Acquire::Languages=none",
    "APT::Sandbox::User=",
  ];
  const apt = ["apt-get", "-qq", ...settings.flatMap((one) => ["-o", one])];
  run([...apt, "update"]);
  run([...apt, "download", ...archs.map((arch) => `${pin.package}:${arch}=${pin.version}`)], folder);
  return folder;
}

function run(words: string[], cwd?: string): void {
  const { exitCode, stderr } = Bun.spawnSync(words, { ...(cwd !== undefined && { cwd }), stderr: "pipe" });
  if (exitCode !== 0)
    throw new Error(`${words[0]} failed: ${stderr}
The image has Debian's ${pin.package} ${pin.version}. Where apt has another one, download it from Debian's archive of old
packages, and name its folder: --libc FOLDER`);
}
