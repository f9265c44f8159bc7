import type { PackageSource } from "./package-source.ts";

/** A program that fetches a package and runs it. */
export interface Launcher {
  /** The program as it is typed: `npx`. */
  program: string;
  /** Programs beside it that it starts itself. */
  helpers: readonly string[];
  /** Returns its arguments before those of the package. The name of the package is never taken for a flag (T147). */
  words(source: PackageSource): string[];
  /** A container image that has the launcher, for packages that run in a container. */
  image: string;
}

/** The launchers of a registry, in the order in which they are looked for. */
export interface LauncherList {
  launchers: readonly Launcher[];
  /** Advice in a sentence for a host without any of them. */
  install: string;
}

const npmName = ({ name, version }: PackageSource) => (version === undefined ? name : `${name}@${version}`);
const pypiName = ({ name, extras, version }: PackageSource) =>
  `${name}${extras.length > 0 ? `[${extras.join(",")}]` : ""}${version === undefined ? "" : `==${version}`}`;

const nodeImage = "docker.io/library/node:22-slim";
const uvImage = "ghcr.io/astral-sh/uv:python3.13-bookworm-slim";

/** The launchers of every registry. */
export const launcherLists: Readonly<Record<PackageSource["registry"], LauncherList>> = {
  npm: {
    launchers: [
      {
        program: "npx",
        helpers: ["node", "npm"],
        words: (source) => ["-y", "--", npmName(source)],
        image: nodeImage,
      },
      // --bun: such a host may have no node, which the first line of most packages asks for.
      {
        program: "bunx",
        helpers: ["bun"],
        words: (source) => ["--silent", "--bun", npmName(source)],
        image: "docker.io/oven/bun:1-slim",
      },
    ],
    install: "install Node.js with npm (https://nodejs.org), or Bun (https://bun.sh)",
  },
  pypi: {
    launchers: [
      {
        program: "uvx",
        helpers: ["uv"],
        words: (source) => ["--from", pypiName(source), "--", source.name],
        image: uvImage,
      },
      {
        program: "pipx",
        helpers: ["python3"],
        words: (source) => ["run", "--spec", pypiName(source), source.name],
        image: uvImage,
      },
    ],
    install: "install uv (https://docs.astral.sh/uv), or pipx",
  },
};
