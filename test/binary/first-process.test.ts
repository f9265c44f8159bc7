import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { startBinary } from "../support/binary.ts";

const words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const isPossible =
  process.platform === "linux" && spawnSync(words[0]!, [...words.slice(1), "true"]).status === 0;

/** Processes in the namespace of a server: their numbers there, and their states. */
function processesOf(pid: number): { pid: string; state: string }[] {
  const inside = ["nsenter", "--target", String(pid), "--pid", "--mount"];
  const script = "for p in /proc/[0-9]*; do echo $(basename $p) $(sed -n 's/^State:\\t//p' $p/status); done";
  const { stdout } = spawnSync(inside[0]!, [...inside.slice(1), "sh", "-c", script], { encoding: "utf8" });
  return stdout
    .trim()
    .split("\n")
    .map((line) => ({ pid: line.split(" ")[0]!, state: line.split(" ")[1]! }));
}

it.skipIf(!isPossible)(
  "the first process of a container reaps the processes that others leave to it (failure mode 92)",
  async () => {
    const server = await startBinary({ before: words });
    const first = Number(spawnSync("pgrep", ["-P", String(server.pid)], { encoding: "utf8" }).stdout);
    // A process of the namespace whose parent ends: the server becomes its parent.
    spawnSync("nsenter", [
      "--target",
      String(first),
      "--pid",
      "--mount",
      "sh",
      "-c",
      "sh -c 'sleep 0.2' & exit 0",
    ]);
    const zombies = () => processesOf(first).filter(({ state }) => state === "Z");
    await expect.poll(zombies).toHaveLength(1);
    await expect.poll(zombies).toEqual([]);
    expect(processesOf(first).find(({ pid }) => pid === "1")).toBeDefined();
  },
);
