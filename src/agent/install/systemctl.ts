/** What `systemctl --user …` ended with: its exit code and what it said; undefined when there is no systemctl. */
export type Systemctl = (args: readonly string[]) => Promise<{ code: number; said: string } | undefined>;

/** How long one call may take, in milliseconds: `enable --now` waits until the agent is ready. */
const patience = 120_000;

/**
 * The systemctl of this machine, called without a shell.
 *
 * @param env where PATH and the way to the user's manager stand
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
      timeout: patience,
    });
    const texts = await Promise.all(
      [running.stdout, running.stderr].map((from) => new Response(from).text()),
    );
    await running.exited;
    return { code: running.exitCode ?? 1, said: texts.join("").trim() };
  };
}
