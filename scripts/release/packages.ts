import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import packageFile from "../../package.json";
import { root } from "../compile.ts";
import type { Edition } from "./man.ts";
import { gzip, type Member } from "./tar.ts";

/** The formats of packages, with the platforms that they are made of and the names of processors in each. */
export const formats = {
  deb: { "linux-x64-baseline": "amd64", "linux-arm64": "arm64" },
  rpm: { "linux-x64-baseline": "amd64", "linux-arm64": "arm64" },
  apk: { "linux-x64-musl-baseline": "amd64", "linux-arm64-musl": "arm64" },
} as const satisfies Record<string, Record<string, "amd64" | "arm64">>;
export type Format = keyof typeof formats;

const packaging = join(root, "packaging");

/** Builds nfpm, which makes the packages, from its sources. `packaging/nfpm/go.sum` has the sums of all that is in it. */
export function buildNfpm(outfile: string): void {
  const words = [
    "go",
    "build",
    "-mod=readonly",
    "-trimpath",
    "-o",
    outfile,
    "github.com/goreleaser/nfpm/v2/cmd/nfpm",
  ];
  const { exitCode, stderr } = Bun.spawnSync(words, { cwd: join(packaging, "nfpm"), stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`cannot build nfpm, which needs Go 1.26 or newer: ${stderr}`);
}

interface PackageSource {
  format: Format;
  arch: "amd64" | "arm64";
  /** The compiled program. */
  program: string;
  companions: readonly Member[];
  edition: Edition;
  nfpm: string;
  /** An empty folder for what goes in. */
  work: string;
  /** The folder for the package. */
  outFolder: string;
}

/** Makes one package and returns the name of its file. */
export function makePackage(source: PackageSource): string {
  const { format, edition, nfpm, work, outFolder } = source;
  const config = { ...metadata(source), ...stage(source) };
  const path = join(work, "nfpm.json");
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config));
  const words = [nfpm, "package", "--config", path, "--packager", format, "--target", outFolder];
  const outcome = Bun.spawnSync(words, {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(edition.date.getTime() / 1000) },
    stderr: "pipe",
  });
  if (outcome.exitCode !== 0) throw new Error(`nfpm failed: ${outcome.stderr}${outcome.stdout}`);
  const created = /created package: (.+)/.exec(outcome.stdout.toString())?.[1];
  if (created === undefined) throw new Error(`nfpm names no package: ${outcome.stdout}`);
  return basename(created.trim());
}

function metadata({ format, arch, edition }: PackageSource): Record<string, unknown> {
  return {
    name: packageFile.name,
    arch,
    platform: "linux",
    version: edition.version,
    version_schema: "semver",
    ...(format !== "deb" && { release: format === "apk" ? "r0" : "1" }),
    section: "net",
    priority: "optional",
    maintainer: "The mcpctl authors <mcpctl@localhost>",
    description: `${packageFile.description}.`,
    license: packageFile.license,
    mtime: edition.date.toISOString(),
    // Bun needs the C++ library on musl, and nothing on glibc.
    depends: { deb: ["libc6 (>= 2.27)"], rpm: ["glibc >= 2.27"], apk: ["libstdc++", "libgcc"] }[format],
    recommends: format === "deb" ? ["ca-certificates"] : [],
    deb: { compression: "gzip" },
    rpm: { compression: "gzip", group: "System/Daemons", buildhost: "mcpctl" },
  };
}

interface Content {
  src: string;
  dst: string;
  type?: "config|noreplace";
  file_info: { mode: number; mtime: string };
}

/** Writes the files of a package into its folder of work, and returns their places in the package, and its scripts. */
function stage({ format, program, companions, edition, work }: PackageSource): Record<string, unknown> {
  const mtime = edition.date.toISOString();
  const contents: Content[] = [{ src: program, dst: "/usr/bin/mcpctl", file_info: { mode: 0o755, mtime } }];
  const write = (path: string, content: string | Uint8Array, mode: number) => {
    const src = join(work, path);
    mkdirSync(dirname(src), { recursive: true });
    writeFileSync(src, content);
    chmodSync(src, mode);
    utimesSync(src, edition.date, edition.date);
    return src;
  };
  const add = (dst: string, content: string | Uint8Array, mode = 0o644, type?: Content["type"]) =>
    contents.push({ src: write(dst, content, mode), dst, ...(type && { type }), file_info: { mode, mtime } });
  const file = (path: string) => readFileSync(join(packaging, path));
  for (const { path, content = "" } of companions) {
    const place = placeOf(path);
    if (place) add(place, path.startsWith("man/") ? gzip(Buffer.from(content)) : content);
  }
  // `mcpctl upgrade` finds out from it that this program is a package's.
  add("/usr/lib/mcpctl/package", `${format}\n`);
  add("/etc/mcpctl/server.env", file("package/server.env"), 0o600, "config|noreplace");
  if (format === "apk") add("/etc/init.d/mcpctl", file("openrc/mcpctl"), 0o755);
  else {
    for (const unit of ["mcpctl.service", "mcpctl.socket"])
      add(`/usr/lib/systemd/system/${unit}`, file(`systemd/${unit}`));
    add("/usr/lib/systemd/system/mcpctl.service.d/10-user.conf", file("package/10-user.conf"));
    add("/usr/lib/systemd/user/mcpctl-agent.service", file("systemd/mcpctl-agent.service"));
    add("/usr/lib/sysusers.d/mcpctl.conf", file("package/sysusers.conf"));
  }
  // nfpm writes the times of the scripts' files into an apk: those of a checkout are the time of that.
  const script = (name: string) => write(`scripts/${name}`, file(`package/${name}`), 0o755);
  const postinstall = script("after-install.sh");
  const scripts = {
    postinstall,
    preremove: script("before-remove.sh"),
    postremove: script("after-remove.sh"),
  };
  // An apk has no other scripts of an upgrade than its own.
  return { contents, scripts, ...(format === "apk" && { apk: { scripts: { postupgrade: postinstall } } }) };
}

/** The place of a companion on the machine; undefined for one that is left out. */
function placeOf(path: string): string | undefined {
  if (path.startsWith("man/")) return `/usr/share/${path}.gz`;
  const places: Record<string, string> = {
    "completions/mcpctl.bash": "/usr/share/bash-completion/completions/mcpctl",
    "completions/_mcpctl": "/usr/share/zsh/site-functions/_mcpctl",
    "completions/mcpctl.fish": "/usr/share/fish/vendor_completions.d/mcpctl.fish",
    LICENSE: "/usr/share/doc/mcpctl/copyright",
    "THIRD-PARTY-LICENSES": "/usr/share/doc/mcpctl/THIRD-PARTY-LICENSES",
    "CHANGELOG.md": "/usr/share/doc/mcpctl/CHANGELOG.md",
  };
  return places[path];
}
