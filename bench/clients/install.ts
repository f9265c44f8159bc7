import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Packages with their versions, all from one registry. */
export type Packages = { npm: readonly string[] } | { pip: readonly string[] };

/** Installs packages into a folder of their own, unless they are there. Returns the folder of their programs. */
export async function install(root: string, packages: Packages): Promise<string> {
  const isNpm = "npm" in packages;
  const list = isNpm ? packages.npm : packages.pip;
  const folder = join(root, list.join("+").replaceAll(/[^\w.@+=-]/g, "_"));
  const done = join(folder, "installed");
  const bin = join(folder, isNpm ? "node_modules/.bin" : "venv/bin");
  if (existsSync(done)) return bin;
  mkdirSync(folder, { recursive: true });
  if (isNpm) {
    writeFileSync(join(folder, "package.json"), '{"private":true}\n');
    await run(folder, ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", ...list]);
  } else {
    await run(folder, ["python3", "-m", "venv", "venv"]);
    await run(folder, [join(bin, "pip"), "install", "--quiet", ...list]);
  }
  writeFileSync(done, "");
  return bin;
}

/** The longest that an installation may take, in milliseconds. */
const installTimeout = 600_000;

async function run(cwd: string, command: string[]): Promise<void> {
  const child = Bun.spawn(command, {
    cwd,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: installTimeout,
  });
  const text = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${text.trim().slice(-500)}`);
}
