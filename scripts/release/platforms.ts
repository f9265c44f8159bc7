/** A platform that mcpctl is compiled for. */
export interface Platform {
  /** Part of the names of files: `linux-x64-musl`. */
  name: string;
  /** Bun's name of the platform: `bun-linux-x64-musl`. */
  target: string;
  /** The package of npm that has Bun for it: `@oven/bun-linux-x64-musl`. */
  runtime: string;
}

/**
 * All platforms that mcpctl is released for. `baseline` is for processors without AVX2, and for packages and images,
 * which cannot know the processor.
 */
export const platforms: readonly Platform[] = [
  ["linux-x64", "linux-x64"],
  ["linux-x64-baseline", "linux-x64-baseline"],
  ["linux-arm64", "linux-aarch64"],
  ["linux-x64-musl", "linux-x64-musl"],
  ["linux-x64-musl-baseline", "linux-x64-musl-baseline"],
  ["linux-arm64-musl", "linux-aarch64-musl"],
  ["darwin-x64", "darwin-x64"],
  ["darwin-x64-baseline", "darwin-x64-baseline"],
  ["darwin-arm64", "darwin-aarch64"],
  ["windows-x64", "windows-x64"],
].map(([name, runtime]) => ({ name: name!, target: targetOf(name!), runtime: `@oven/bun-${runtime}` }));

/** Bun has `baseline` before `musl`. */
function targetOf(name: string): string {
  return `bun-${name.replace("-musl-baseline", "-baseline-musl")}`;
}

/** Returns the platform of a name. Throws if there is none. */
export function platformNamed(name: string): Platform {
  const found = platforms.find((platform) => platform.name === name);
  if (found) return found;
  const known = platforms.map((platform) => platform.name).join(", ");
  throw new Error(`unknown platform "${name}": it must be one of ${known}`);
}

/** The name of the program in a folder. */
export function programOn({ name }: Pick<Platform, "name">): string {
  return name.startsWith("windows") ? "mcpctl.exe" : "mcpctl";
}

/** The platform of this machine, as far as Bun knows it. */
export const thisPlatform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
