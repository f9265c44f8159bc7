import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it, onTestFinished } from "vitest";
import { bareRoot, bareRootUser as user } from "../support/bare-root.ts";
import { textOf } from "../support/binary.ts";

/**
 * Runs a command line in a root folder, as the first process, with namespaces and an environment of its own.
 *
 * @param mounts commands of sh that run before, with the root folder as `$R`
 */
function start(root: string, line: readonly string[], mounts = "") {
  const devices = ["null", "zero", "random", "urandom"];
  const script = `
    R=$1; shift
    ${mounts}
    mount -t proc proc $R/proc
    mount -t tmpfs -o mode=755 dev $R/dev
    for name in ${devices.join(" ")}; do : >$R/dev/$name; mount --bind /dev/$name $R/dev/$name; done
    exec env -i "$(command -v chroot)" --userspec=${user}:${user} $R /mcpctl "$@"`;
  const words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", root];
  const running = Bun.spawn([...words, ...line], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => running.kill("SIGKILL"));
  return running;
}

async function run(...options: Parameters<typeof start>): Promise<{ code: number | null; text: string }> {
  const running = start(...options);
  const texts = await Promise.all([textOf(running.stdout), textOf(running.stderr)]);
  await running.exited;
  return { code: running.exitCode, text: texts.join("") };
}

const canUnshare = () => spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0;
const readOnly = "mount --bind $R $R; mount -o remount,bind,ro $R";

describe.runIf(process.platform === "linux" && canUnshare())(
  "a root folder without users, home and temporary folder (failure mode 100)",
  () => {
    it("runs help, and names the missing folder of the server", async () => {
      const root = bareRoot();
      expect(await run(root, ["help"])).toMatchObject({
        code: 0,
        text: expect.stringContaining("mcpctl server"),
      });
      const listen = ["--listen", "127.0.0.1:0"];
      expect(await run(root, ["server", ...listen])).toMatchObject({
        code: 1,
        text: expect.stringMatching(/this user has no home, and HOME is not set\n.*--data-dir/),
      });
      expect(await run(root, ["server", "--data-dir", "/x", ...listen])).toMatchObject({
        code: 1,
        text: expect.stringMatching(
          /cannot use the data directory \/x: .*\n.*user 65532 can write to: --data-dir DIR/,
        ),
      });
      expect(await run(root, ["server", "--data-dir", "/data", ...listen], readOnly)).toMatchObject({
        code: 1,
        text: expect.stringMatching(/read-only.*\n.*--data-dir DIR/),
      });
      const { code, text } = await run(root, ["get", "llms"]);
      expect([code, text]).toEqual([1, expect.stringContaining("HOME")]);
    });

    it("runs a server as the first process, on a read-only disk with a data directory, and ends it with SIGTERM", async () => {
      const root = bareRoot();
      const data = `${readOnly}; mount -t tmpfs -o uid=${user},mode=700 data $R/data`;
      const running = start(root, ["server", "--data-dir", "/data", "--listen", "127.0.0.1:0"], data);
      let said = "";
      let isTold = false;
      for await (const text of running.stderr.pipeThrough(new TextDecoderStream())) {
        said += text;
        const listens = /listens on (\S+) and/.exec(said);
        if (!listens || isTold) continue;
        isTold = true;
        expect((await fetch(`${listens[1]}/readyz`)).status).toBe(200);
        // The only child of unshare is the server.
        const [child] = execFileSync("pgrep", ["-P", String(running.pid)], { encoding: "utf8" }).split("\n");
        process.kill(Number(child), "SIGTERM");
      }
      await running.exited;
      expect(running.exitCode, said).toBe(0);
      expect(said).toContain("stopped");
    });
  },
);
