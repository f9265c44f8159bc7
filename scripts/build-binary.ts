/**
 * Compiles mcpctl into one file: `dist/mcpctl` for this machine, with `--target linux-x64-musl` that of another platform,
 * or with `--all` one for each platform, with checksums. `--runtime FILE` takes Bun for the target from a file, for
 * example of the package `@oven/bun-linux-x64-musl`, where it cannot be downloaded. Bytecode and splitting make it start in milliseconds; it is not minified, because that breaks Elysia
 * at start-up and saves nothing.
 */
import { mkdirSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { packageManager, version } from "../package.json";

const all = {
  "linux-x64": "bun-linux-x64",
  "linux-arm64": "bun-linux-arm64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "darwin-x64": "bun-darwin-x64",
  "darwin-arm64": "bun-darwin-arm64",
  "windows-x64": "bun-windows-x64",
} as const;

const root = `${import.meta.dir}/..`;
const dist = `${root}/dist`;

async function build(target: string | undefined, outfile: string, runtime?: string): Promise<void> {
  const started = performance.now();
  const result = await Bun.build({
    entrypoints: [`${root}/src/main.ts`],
    target: "bun",
    format: "esm",
    splitting: true,
    bytecode: true,
    minify: false,
    define: {
      __VERSION__: JSON.stringify(version),
      __COMMIT__: JSON.stringify(commit()),
      __DATE__: JSON.stringify(new Date().toISOString()),
      // React and Ink, which draw the console: without their development tools.
      "process.env.NODE_ENV": '"production"',
      "process.env.DEV": '"false"',
    },
    external: ["react-devtools-core"],
    compile: {
      ...(target !== undefined && { target: target as Bun.Build.CompileTarget }),
      ...(runtime !== undefined && { executablePath: runtime }),
      outfile,
      // Else a bunfig.toml in the user's folder would run code in this program, and .env would configure it.
      autoloadBunfig: false,
      autoloadDotenv: false,
      execArgv: ["--use-system-ca", `--user-agent=mcpctl/${version}`, "--"],
    },
  });
  if (!result.success) throw new AggregateError(result.logs, `could not build ${outfile}`);
  console.log(`${outfile.slice(dist.length - 4)} in ${Math.round(performance.now() - started)} ms`);
}

function commit(): string {
  const git = Bun.spawnSync(["git", "-C", root, "rev-parse", "--short=12", "HEAD"], { stderr: "ignore" });
  return git.success ? git.stdout.toString().trim() : "unknown";
}

if (`bun@${Bun.version}` !== packageManager) {
  throw new Error(
    `mcpctl is built with ${packageManager}, and this is bun@${Bun.version}: npx -y ${packageManager} run up`,
  );
}
const { values: flags } = parseArgs({
  options: { all: { type: "boolean" }, target: { type: "string" }, runtime: { type: "string" } },
});
const platforms = Object.entries(all).filter(([platform]) => flags.all || platform === flags.target);
if (flags.target !== undefined && platforms.length === 0)
  throw new Error(`unknown target "${flags.target}": it must be one of ${Object.keys(all).join(", ")}`);
if (flags.runtime !== undefined && (flags.all || flags.target === undefined))
  throw new Error("--runtime needs --target");
const fileName = (platform: string) =>
  `mcpctl-${version}-${platform}${platform.startsWith("windows") ? ".exe" : ""}`;
mkdirSync(dist, { recursive: true });
if (platforms.length === 0) await build(undefined, `${dist}/mcpctl`);
if (!flags.all) {
  for (const [platform, target] of platforms)
    await build(target, `${dist}/${fileName(platform)}`, flags.runtime);
} else {
  const sums: string[] = [];
  for (const [platform, target] of platforms) {
    const name = fileName(platform);
    rmSync(`${dist}/${name}`, { force: true });
    await build(target, `${dist}/${name}`);
    const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(`${dist}/${name}`).arrayBuffer());
    sums.push(`${hash.digest("hex")}  ${name}`);
  }
  await Bun.write(`${dist}/checksums.txt`, `${sums.join("\n")}\n`);
  console.log("dist/checksums.txt");
}
