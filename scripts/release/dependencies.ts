import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import packageFile from "../../package.json";
import { root } from "../compile.ts";

/** A package of npm that is compiled into mcpctl. */
export interface Dependency {
  name: string;
  version: string;
  /** The SHA-512 of the package in base64, as npm has it. */
  sha512: string;
  /** An SPDX expression; undefined if the package names none. */
  license: string | undefined;
  /** The text of its licence; undefined if the package has none. */
  licenseText: string | undefined;
}

type Entry = [id: string, registry: string, meta: { dependencies?: Record<string, string> }, sum: string];

/** Returns the packages that mcpctl needs to run, from `bun.lock`: its dependencies, theirs, and so on. */
export function dependencies(): Dependency[] {
  const lock: { packages: Record<string, Entry> } = Bun.JSONC.parse(
    readFileSync(join(root, "bun.lock"), "utf8"),
  ) as never;
  const found = new Map<string, Dependency>();
  const visit = (name: string, from: string) => {
    const key = resolved(name, from, lock.packages);
    // A peer that nobody has installed.
    if (key === undefined || found.has(key)) return;
    const [id, , meta, sum] = lock.packages[key]!;
    found.set(key, {
      name,
      version: id.slice(id.lastIndexOf("@") + 1),
      sha512: sum.replace("sha512-", ""),
      ...licenceOf(key),
    });
    for (const one of Object.keys(meta.dependencies ?? {})) visit(one, key);
  };
  for (const name of Object.keys(packageFile.dependencies)) visit(name, "");
  // The same version may be in several folders.
  const unique = new Map([...found.values()].map((one) => [`${one.name}@${one.version}`, one]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** The key of a package that another one requires: nearer folders of `node_modules` go first. */
function resolved(name: string, from: string, packages: Record<string, unknown>): string | undefined {
  for (let at = from; at !== ""; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "")
    if (Object.hasOwn(packages, `${at}/${name}`)) return `${at}/${name}`;
  return Object.hasOwn(packages, name) ? name : undefined;
}

function licenceOf(key: string): Pick<Dependency, "license" | "licenseText"> {
  // `a/b` in the lock is `a/node_modules/b`, but `@scope/a` is one name.
  const names = key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? [];
  const folder = join(root, ...names.flatMap((name) => ["node_modules", name]));
  if (!existsSync(folder)) return { license: undefined, licenseText: undefined };
  const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder)
    .sort()
    .find((name) => /^licen[cs]e/i.test(name));
  return {
    license: typeof license === "string" ? license : license?.type,
    licenseText: file === undefined ? undefined : readFileSync(join(folder, file), "utf8").trim(),
  };
}

/** The licences of all that is compiled into mcpctl, which a copy of it has to come with. */
export function thirdPartyLicences(all: readonly Dependency[]): string {
  const parts = all.map(({ name, version, license, licenseText }) =>
    [
      `${name} ${version} (${license ?? "no licence named"})`,
      licenseText ?? "The package has no text of it.",
    ].join("\n\n"),
  );
  const head = `mcpctl is compiled with Bun ${Bun.version}, whose licence is MIT; it contains JavaScriptCore and WebKit (LGPL-2) and
other works that https://bun.com/docs/project/license lists. The packages below are compiled into mcpctl.`;
  return `${[head, ...parts].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
