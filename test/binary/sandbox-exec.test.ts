import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ExecPolicy } from "../../src/processes/sandbox/exec/exec-policy.ts";
import { binary } from "../support/binary.ts";
import { testHost } from "../support/sandbox/launched.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const landlock = testHost.levels.find(({ name }) => name === "landlock")!;
const works = (await landlock.probe()).available;

/** Runs a script of sh as the compiled program runs an MCP server. */
function confined(script: string, policy: Partial<ExecPolicy>, env: Record<string, string> = {}) {
  const whole: ExecPolicy = { parent: process.pid, limits: {}, ...policy };
  const argv = [binary, "internal", "sandbox-exec", JSON.stringify(whole), "--", "sh", "-c", script];
  const { stdout, stderr, exitCode } = Bun.spawnSync(argv, { env: { PATH: process.env["PATH"]!, ...env } });
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

describe.skipIf(process.platform !== "linux")("mcpctl internal sandbox-exec, compiled", () => {
  it("becomes the program: same process, exact environment, default signals, no core files", () => {
    const env = { A: "1", HTTPS_PROXY: "http://user:pass@proxy:1" };
    // The shell reads its own state: while it starts another program it blocks signals.
    const script = `env | sort; while read -r line; do case $line in SigIgn*|SigBlk*) echo "$line";; esac; done < /proc/$$/status; ulimit -c; cat /proc/$$/comm`;
    const { stdout, exitCode } = confined(script, {}, env);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").filter((line) => !/^(PATH|PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([
      "A=1",
      "HTTPS_PROXY=http://user:pass@proxy:1",
      "SigBlk:\t0000000000000000",
      "SigIgn:\t0000000000000000",
      "0",
      "sh",
      "",
    ]);
  });

  it("does not run the program when its parent is gone already", () => {
    const { stdout, stderr, exitCode } = confined("echo it runs", { parent: 1 });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain("the program that started this one has ended");
  });

  it("fails for a program that does not exist", () => {
    const policy = JSON.stringify({ parent: process.pid, limits: {} });
    const argv = [binary, "internal", "sandbox-exec", policy, "--", "no-such-program"];
    const { stderr, exitCode } = Bun.spawnSync(argv, { env: { PATH: "/bin" } });
    expect(stderr.toString()).toContain("the program no-such-program is not on this host");
    expect(exitCode).not.toBe(0);
  });

  it.skipIf(process.geteuid?.() !== 0)("holds the user to a number of further processes", () => {
    const policy = JSON.stringify({ parent: process.pid, limits: { furtherProcesses: 5 } });
    const become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo not refused";
    const argv = [...become, binary, "internal", "sandbox-exec", policy, "--", "sh", "-c", script];
    const { stdout, stderr } = Bun.spawnSync(argv, { env: { PATH: process.env["PATH"]! }, cwd: "/" });
    expect(stdout.toString()).toBe("");
    expect(stderr.toString()).toMatch(/fork/i);
  });

  it.skipIf(!works)("holds the program to Landlock", () => {
    const folder = join(temporaryFolder(), "own");
    mkdirSync(folder);
    const policy = {
      landlock: {
        readable: ["/usr", "/bin", "/lib", "/lib64", "/proc"],
        writable: [folder],
        devices: ["/dev/null"],
        network: true,
      },
    };
    const script = `echo x > ${folder}/file && cat ${folder}/file; cat /etc/passwd 2>&1; echo y > ${folder}/../file`;
    const { stdout, stderr, exitCode } = confined(script, policy);
    expect(stdout).toBe("x\ncat: /etc/passwd: Permission denied\n");
    expect(stderr).toContain("ermission denied");
    expect(exitCode).not.toBe(0);
  });
});
