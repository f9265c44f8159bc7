import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parsePackage } from "./package-source.ts";

/** A program that did not start. */
export interface FailedStart {
  /** `npm:@scope/name@1.2.3` or `pypi:name==1.2.3` */
  packageName: string;
  /** The program's own folder, in which its package lies. */
  folder: string;
  /** The versions of Python that its definition asks for: the variable UV_PYTHON. */
  python?: string | undefined;
  /** The last lines that it and its launcher wrote. */
  lines: readonly string[];
  /** Returns the version of the host's Node.js; undefined without one. */
  nodeVersion(): Promise<string | undefined>;
}

/**
 * Finds out if a package did not start because the host has no Node.js or Python that is new enough.
 *
 * @returns a sentence that names the version; undefined if that is not the reason
 */
export async function runtimeFault(start: FailedStart): Promise<string | undefined> {
  return parsePackage(start.packageName).registry === "npm" ? await nodeFault(start) : pythonFault(start);
}

/** npm warns of a Node.js that is too old only while it installs, so the package itself is asked first. */
async function nodeFault(start: FailedStart): Promise<string | undefined> {
  const { packageName, folder, lines, nodeVersion } = start;
  const { name } = parsePackage(packageName);
  const wanted = wantedNode(join(folder, ".npm/_npx"), name) ?? warnedOf(lines.join("\n"), name);
  const version = wanted === undefined ? undefined : await nodeVersion();
  if (version === undefined || Bun.semver.satisfies(version, wanted!)) return undefined;
  return `the package needs Node.js ${wanted}, and this host has ${version}`;
}

/** Returns the range in `engines` of an installed package. */
function wantedNode(installations: string, name: string): string | undefined {
  try {
    for (const one of readdirSync(installations)) {
      const path = join(installations, one, "node_modules", name, "package.json");
      const { engines } = JSON.parse(readFileSync(path, "utf8"));
      if (typeof engines?.node === "string") return engines.node.slice(0, 100);
    }
  } catch {}
  return undefined;
}

/** Returns the range in npm's warning about a package. */
function warnedOf(text: string, name: string): string | undefined {
  const warnings = text.matchAll(
    /EBADENGINE +package: '([^']+)@[^'@]+',\n[^\n]*EBADENGINE +required: \{ node: '([^']+)'/g,
  );
  return [...warnings].find(([, found]) => found === name)?.[2]?.slice(0, 100);
}

/** The words of uv about a version of Python that it neither finds nor can download. */
const pythonFaults: readonly RegExp[] = [
  /Failed to download `[^`]*\bcpython-(\d+\.\d+)/,
  /No interpreter found for Python ([^\s"]+)/i,
  /depends on Python\s*([<>=!~][^\s"]*)/i,
  /does not satisfy Python\s*([<>=!~][^\s"]*)/i,
];

function pythonFault({ lines, python }: FailedStart): string | undefined {
  const text = lines.join("\n");
  for (const pattern of pythonFaults) {
    const found = pattern.exec(text)?.[1]?.replace(/[.,;]+$/, "");
    if (found !== undefined)
      return `the package needs Python ${python ?? found}, which this host lacks and uv cannot download`;
  }
  return undefined;
}
