/** The outcome of a command that was only tried. */
export interface TrialResult {
  /** Null when the program does not exist or did not end in time. */
  code: number | null;
  /** The last lines of its stderr. */
  stderr: string;
  /** True when there is no such program. */
  isMissing: boolean;
}

/** A trial is ended after so many milliseconds. */
const timeout = 10_000;
const longestStderr = 2_000;

/** Runs a command that ends by itself, without input. Its output on stdout is read by nobody. */
export async function tryCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TrialResult> {
  try {
    const child = Bun.spawn([...argv], {
      cwd: "/",
      env: { ...env },
      stdio: ["ignore", "ignore", "pipe"],
      timeout,
      killSignal: "SIGKILL",
    });
    const stderr = await new Response(child.stderr).text();
    await child.exited;
    return { code: child.exitCode, stderr: stderr.slice(-longestStderr).trim(), isMissing: false };
  } catch (error) {
    return { code: null, stderr: String((error as Error).message), isMissing: true };
  }
}
