import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";

/** Outcome of a command in the machine. */
export interface MachineOutcome {
  code: number;
  /** Its stdout and stderr. */
  text: string;
}

/** A machine that runs systemd, in namespaces of this one. */
export interface Machine {
  /** The process of systemd, as this machine numbers it. */
  pid: number;
  /** Runs a command as root, or as a user with a manager of systemd. */
  run(
    words: readonly string[] | string,
    options?: { user?: number; input?: string | Uint8Array<ArrayBuffer> },
  ): MachineOutcome;
  /** The output of a command that must succeed. */
  must(
    words: readonly string[] | string,
    options?: { user?: number; input?: string | Uint8Array<ArrayBuffer> },
  ): string;
  write(path: string, text: string, mode?: number): void;
  /** A value that `systemctl show` tells of a unit. */
  shown(unit: string, property: string): string;
  stop(): void;
}

const root = join(import.meta.dirname, "../..");
const env = { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LANG: "C.UTF-8" };

/** Returns the reason why this machine cannot run another systemd; undefined where it can. */
export function reasonAgainst(): string | undefined {
  if (process.platform !== "linux" || process.geteuid?.() !== 0) return "it needs root on Linux";
  for (const program of ["/usr/lib/systemd/systemd", "/usr/bin/dbus-daemon", "/usr/bin/setpriv"])
    if (!existsSync(program)) return `${program} is not installed`;
  if (!/ name=systemd|name=systemd:/m.test(readFileSync("/proc/self/cgroup", "utf8")))
    return "it has been tried with control groups of version 1 and hybrid ones only";
  const trial =
    "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && " +
    "mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r";
  const words = [
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--uts",
    "--ipc",
    "--net",
    "--cgroup",
    "sh",
    "-c",
    trial,
  ];
  const { exitCode, stderr } = Bun.spawnSync(words, { stderr: "pipe" });
  return exitCode === 0 ? undefined : `namespaces are not permitted: ${stderr.toString().trim()}`;
}

/** Boots systemd with the packaged units and the compiled program. Returns when it has started everything. */
export async function startMachine(): Promise<Machine> {
  const name = `mcpctl-machine-${process.pid}`;
  const folder = mkdtempSync("/var/tmp/mcpctl-machine-");
  const units = join(root, "packaging/systemd");
  const words = ["bash", join(import.meta.dirname, "boot.sh"), name, folder, binary, units];
  const outer = Bun.spawn(words, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [outer.stdout, outer.stderr])
    void (async () => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) log += text;
    })();
  const inner = () => Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, "utf8").trim());
  const stop = () => {
    outer.kill("SIGKILL");
    removeGroups(name);
    rmdirSync(folder);
  };
  try {
    for (let tries = 0; tries < 600; tries++) {
      await Bun.sleep(100);
      if (outer.exitCode !== null) break;
      const pid = inner();
      if (!pid || !readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("machine.target")) continue;
      const machine = { ...inside(pid), stop };
      if (/^(running|degraded)/.test(machine.run("systemctl is-system-running").text)) return machine;
    }
    throw new Error(`systemd does not start:\n${log}`);
  } catch (error) {
    stop();
    throw error;
  }
}

function inside(pid: number): Omit<Machine, "stop"> {
  const enter = [
    "nsenter",
    "--target",
    String(pid),
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
  ];
  const asUser = (user: number) => [
    ...["setpriv", "--reuid", String(user), "--regid", String(user), "--clear-groups"],
    ...["env", `HOME=/home/user${user}`, `XDG_RUNTIME_DIR=/run/user/${user}`],
  ];
  const run: Machine["run"] = (words, { user, input = "" } = {}) => {
    const command = typeof words === "string" ? words.split(" ") : words;
    const before = user === undefined ? [] : asUser(user);
    const outcome = Bun.spawnSync([...enter, "env", "-i", ...variables, ...before, ...command], {
      stdin: typeof input === "string" ? new TextEncoder().encode(input) : input,
      stderr: "pipe",
    });
    return { code: outcome.exitCode, text: `${outcome.stdout}${outcome.stderr}` };
  };
  const must: Machine["must"] = (words, options) => {
    const { code, text } = run(words, options);
    if (code !== 0)
      throw new Error(`${typeof words === "string" ? words : words.join(" ")}: ${code}: ${text}`);
    return text;
  };
  return {
    ...{ pid, run, must },
    write(path, text, mode = 0o644) {
      const script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"';
      must(["sh", "-c", script, "sh", path, mode.toString(8)], { input: text });
    },
    shown: (unit, property) => must(["systemctl", "show", unit, "--value", "-p", property]).trim(),
  };
}

const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);

/** Removes the control groups of a machine, whose processes are about to end. */
function removeGroups(name: string): void {
  const folders = readdirSync("/sys/fs/cgroup").map((one) => join("/sys/fs/cgroup", one));
  for (const folder of folders) {
    const found = Bun.spawnSync(["find", folder, "-depth", "-type", "d", "-path", `*/${name}*`]);
    for (const path of found.stdout.toString().split("\n").filter(Boolean))
      for (let tries = 0; tries < 100 && existsSync(path); tries++)
        try {
          rmdirSync(path);
        } catch {
          Bun.sleepSync(20);
        }
  }
}
