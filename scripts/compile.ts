import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageManager, version } from "../package.json";
import { buildWeb } from "./web.ts";

/** The root of the repository. */
export const root = join(import.meta.dirname, "..");

/** Options of `compile`. */
interface Compilation {
  /** The name of the platform, by which `mcpctl upgrade` finds its own file: `linux-x64-musl`. */
  platform: string;
  /** Bun's name of the platform: `bun-linux-x64-musl`. Left out for this machine. */
  target?: string;
  outfile: string;
  /** Bun for the target, as a file; otherwise Bun downloads it. */
  runtime?: string;
}

/** Throws if this Bun is another version than the one that mcpctl is built with. */
export function assertBun(): void {
  if (`bun@${Bun.version}` !== packageManager)
    throw new Error(
      `mcpctl is built with ${packageManager}, and this is bun@${Bun.version}: npx -y ${packageManager} run up`,
    );
}

/**
 * Compiles mcpctl into one file. The same commit gives the same bytes, in whatever folder and at whatever time: the date
 * in it is that of the commit, and Bun writes no path of the build machine into it but the name of the file.
 */
export async function compile({ platform, target, outfile, runtime }: Compilation): Promise<void> {
  const { commit, date } = head();
  // Bun names modules by their way from the working folder.
  process.chdir(root);
  const result = await Bun.build({
    // The second one is the program of the server's worker threads.
    entrypoints: ["./src/main.ts", "./src/server/workers/thread.ts"],
    root: ".",
    target: "bun",
    format: "esm",
    splitting: true,
    bytecode: true,
    // Minifying breaks Elysia at start-up and saves nothing.
    minify: false,
    define: {
      __VERSION__: JSON.stringify(version),
      __COMMIT__: JSON.stringify(commit.slice(0, 12)),
      __DATE__: JSON.stringify(date.toISOString()),
      __PLATFORM__: JSON.stringify(platform),
      __RELEASE_KEY__: JSON.stringify(releaseKey()),
      __WEB__: JSON.stringify(await buildWeb()),
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
}

/** The commit that is built, and its date; `unknown` and now where there is no repository. */
export function head(): { commit: string; date: Date } {
  const git = Bun.spawnSync(["git", "-C", root, "log", "-1", "--format=%H %ct"], { stderr: "ignore" });
  const [commit, seconds] = git.stdout.toString().trim().split(" ");
  return git.success && commit
    ? { commit, date: new Date(Number(seconds) * 1000) }
    : { commit: "unknown", date: new Date() };
}

/** The public key that releases are signed with, from `packaging/release-key.pub`; empty where releases are not signed. */
export function releaseKey(): string {
  try {
    return readFileSync(join(root, "packaging/release-key.pub"), "utf8").trim();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return "";
    throw error;
  }
}
