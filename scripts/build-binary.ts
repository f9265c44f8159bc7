/**
 * Compiles mcpctl into one file, in seconds: `dist/mcpctl` for this machine, or with `--target linux-x64-musl` that of
 * another platform. `--runtime FILE` takes Bun for the target from a file where it cannot be downloaded. A whole release
 * is made by `scripts/release.ts`.
 */
import { mkdirSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { version } from "../package.json";
import { assertBun, compile, root } from "./compile.ts";
import { platformNamed, thisPlatform } from "./release/platforms.ts";

assertBun();
const { values: flags } = parseArgs({ options: { target: { type: "string" }, runtime: { type: "string" } } });
if (flags.runtime !== undefined && flags.target === undefined) throw new Error("--runtime needs --target");
const platform = flags.target === undefined ? undefined : platformNamed(flags.target);
const dist = `${root}/dist`;
const ending = platform?.name.startsWith("windows") ? ".exe" : "";
const name = platform ? `mcpctl-${version}-${platform.name}${ending}` : "mcpctl";
const started = performance.now();
mkdirSync(dist, { recursive: true });
rmSync(`${dist}/${name}`, { force: true });
await compile({
  platform: platform?.name ?? thisPlatform,
  outfile: `${dist}/${name}`,
  ...(platform && { target: platform.target }),
  ...(flags.runtime !== undefined && { runtime: flags.runtime }),
});
console.log(`dist/${name} in ${Math.round(performance.now() - started)} ms`);
