/** Runs `systemctl --user …`. Returns its exit code and its output; undefined when there is no systemctl. */
export type Systemctl = (args: readonly string[]) => Promise<{ code: number; output: string } | undefined>;

/** The longest run, in milliseconds: `enable --now` waits until the agent is ready. */
const timeout = 120_000;

/**
 * Returns the systemctl of this machine, which is run without a shell.
 *
 * @param env contains PATH, and the variables by which systemctl finds the user's manager
 */
export function systemctlOf(env: Readonly<Record<string, string | undefined>>): Systemctl {
  return async (args) => {
    const path = Bun.which("systemctl", { PATH: env["PATH"] ?? "/usr/bin:/bin" });
    if (!path) return undefined;
    const running = Bun.spawn([path, "--user", ...args], {
      env: { ...env, SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout,
    });
    const texts = await Promise.all(
      [running.stdout, running.stderr].map((from) => new Response(from).text()),
    );
    await running.exited;
    return { code: running.exitCode ?? 1, output: texts.join("").trim() };
  };
}
