import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { bareRoot, bareRootUser } from "../support/bare-root.ts";
import { podmanHost } from "../support/containers/podman.ts";

const found = podmanHost();
const { podman } = found ?? { podman: () => "" };

/** Makes a root folder of the program, its libraries, and a shell by which the test looks around. */
function rootWithShell(): string {
  const root = bareRoot();
  mkdirSync(join(root, "bin"));
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  return root;
}

// Failure modes 92, 100
it.skipIf(!found)(
  "a server that is the first process of a container works as a user without a name or a home that can be written, and ends in order",
  async () => {
    const data = ["--mount", `type=tmpfs,destination=/data,tmpfs-mode=0700,U=true`];
    const hardening = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    const env = ["--unsetenv-all", "--env", "MCPCTL_DATA_DIR=/data"];
    const words = ["run", "--detach", "--network", "none", "--user", `${bareRootUser}:${bareRootUser}`];
    const line = [...words, ...hardening, ...data, ...env, "--rootfs", rootWithShell(), "/mcpctl", "server"];
    const id = podman(...line).trim();
    onTestFinished(() => void podman("rm", "--force", "--time", "0", id));
    const run = (...command: string[]) => podman("exec", id, ...command);
    // As the health check of an image does.
    await expect.poll(() => run("/mcpctl", "status")).toMatch(/Administrator: +yes/);
    expect(run("/bin/busybox", "id")).toContain(`uid=${bareRootUser}`);
    expect(run("/bin/busybox", "sh", "-c", "echo x >/file || echo refused")).toContain("refused");

    // A process whose parent ends has the server as its parent, which reaps it.
    const states = 'for p in /proc/[0-9]*; do sed -n "s/^State:.\\([A-Z]\\).*/\\1/p" $p/status; done';
    run("/bin/busybox", "sh", "-c", "busybox sh -c '/bin/busybox sleep 0.3' & exit 0");
    await Bun.sleep(400);
    await expect
      .poll(() => run("/bin/busybox", "sh", "-c", `PATH=/bin; alias sed="busybox sed"; ${states}`))
      .not.toMatch(/Z/);

    podman("stop", "--time", "60", id);
    expect(podman("inspect", id, "--format", "{{.State.ExitCode}}").trim()).toBe("0");
  },
);
