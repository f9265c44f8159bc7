import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageManager } from "../../package.json";
import runtimes from "../../packaging/runtimes/package.json";
import { formats } from "../../scripts/release/packages.ts";
import { platforms } from "../../scripts/release/platforms.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const packaging = join(import.meta.dirname, "../../packaging");
const read = (path: string) => readFileSync(join(packaging, path), "utf8");
const scripts = readdirSync(join(packaging, "package")).filter((name) => name.endsWith(".sh"));

describe("the scripts of the packages", () => {
  it.each(["sh", "dash", "bash", "busybox"].filter((shell) => Bun.which(shell)))(
    "are understood by %s",
    (shell) => {
      for (const script of [...scripts.map((name) => `package/${name}`), "openrc/mcpctl"]) {
        const words = [shell, ...(shell === "busybox" ? ["sh"] : []), "-n", join(packaging, script)];
        const { exitCode, stderr } = Bun.spawnSync(words, { stderr: "pipe" });
        expect([script, exitCode, stderr.toString()]).toEqual([script, 0, ""]);
      }
    },
  );

  it.skipIf(existsSync("/run/systemd/system"))(
    "restart a server under OpenRC after an upgrade, and not after an installation",
    () => {
      const folder = temporaryFolder();
      for (const name of ["getent", "mkdir", "chmod", "chown", "rc-service"])
        writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });
      const calls = (...words: string[]) => {
        const script = join(packaging, "package/after-install.sh");
        const run = Bun.spawnSync(["/bin/sh", script, ...words], { env: { PATH: folder }, stderr: "pipe" });
        expect([run.exitCode, run.stderr.toString()]).toEqual([0, ""]);
        return run.stdout
          .toString()
          .split("\n")
          .filter((line) => line.startsWith("rc-service"));
      };
      expect(calls("1.0.0-r0")).toEqual([]);
      expect(calls("1.1.0-r0", "1.0.0-r0")).toEqual(["rc-service --ifstarted mcpctl restart"]);
    },
  );

  it("start and enable nothing", () => {
    for (const script of scripts)
      expect(read(`package/${script}`)).not.toMatch(/systemctl (start|enable|restart|--now)|rc-update add/);
  });

  it("delete data only when the package is purged", () => {
    for (const script of scripts.filter((name) => name !== "after-remove.sh"))
      expect(read(`package/${script}`)).not.toMatch(/\brm\b/);
    const outside = read("package/after-remove.sh").replace(/if \[ "\$1" = purge \]; then[\s\S]*?\nfi\n/, "");
    expect(outside).not.toMatch(/\brm\b|userdel/);
  });
});

describe("the platforms", () => {
  it("each have Bun of the pinned version, and packages are made of platforms that there are", () => {
    for (const { runtime } of platforms)
      expect([runtime, (runtimes.dependencies as Record<string, string>)[runtime]]).toEqual([
        runtime,
        packageManager.replace("bun@", ""),
      ]);
    expect(Object.keys(runtimes.dependencies)).toHaveLength(platforms.length);
    const names = platforms.map(({ name }) => name);
    for (const archs of Object.values(formats))
      expect(names).toEqual(expect.arrayContaining(Object.keys(archs)));
  });
});
