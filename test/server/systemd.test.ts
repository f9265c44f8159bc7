import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { notifySocket } from "../support/notify-socket.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const main = join(import.meta.dirname, "../../src/main.ts");

/** `mcpctl server` as a unit of type notify starts it. */
function unit(env: Record<string, string>, cwd: string) {
  const running = Bun.spawn([process.execPath, main, "server", "--listen", "127.0.0.1:0"], {
    env: { PATH: "/usr/bin:/bin", HOME: cwd, ...env },
    cwd,
    stdin: "ignore",
    stderr: "ignore",
  });
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  return running;
}

it.skipIf(process.platform !== "linux")(
  "tells systemd when it answers, that it lives, and when it stops",
  async () => {
    const folder = temporaryFolder();
    const socket = notifySocket(join(folder, "n"));
    const running = unit({ NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: "400000" }, folder);
    const said = () => socket.messages().map((message) => message.split("\n")[0]);
    await expect.poll(said).toContain("READY=1");
    const [, url] = /STATUS=listens on (\S+)/.exec(socket.messages().join("\n"))!;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const beats = () => said().filter((word) => word === "WATCHDOG=1").length;
    await expect.poll(beats).toBeGreaterThan(3);
    expect(said().indexOf("READY=1")).toBeLessThan(3);
    running.kill("SIGTERM");
    expect(await running.exited).toBe(0);
    expect(said().filter((word) => word !== "WATCHDOG=1")).toEqual(["READY=1", "STOPPING=1"]);
  },
);

it.skipIf(process.platform !== "linux")("says nothing to systemd when it does not start", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "mcpctl.db"));
  const socket = notifySocket(join(folder, "n"));
  const running = unit({ NOTIFY_SOCKET: socket.address, MCPCTL_DATA_DIR: folder }, folder);
  expect(await running.exited).toBe(1);
  expect(socket.messages()).toEqual([]);
});
