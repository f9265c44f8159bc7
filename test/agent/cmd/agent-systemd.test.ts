import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { notifySocket } from "../../support/notify-socket.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const main = join(import.meta.dirname, "../../../src/main.ts");

/** Starts `mcpctl agent` as its unit does. */
function unit(home: string, env: Record<string, string>) {
  const running = Bun.spawn([process.execPath, main, "agent", "--listen", "none"], {
    env: { PATH: "/usr/bin:/bin", HOME: home, ...env },
    cwd: home,
    stdin: "ignore",
    stderr: "pipe",
  });
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  return running;
}

it.skipIf(process.platform !== "linux")(
  "mcpctl agent notifies systemd when it is ready, with or without its server, while it runs, and when it stops",
  async () => {
    const server = await testServer();
    const { bearer } = await server.user("alice", [{ role: "expose", resource: "llms" }]);
    await server.stop();
    const home = temporaryFolder();
    const socket = notifySocket(join(home, "n"));
    const running = unit(home, {
      MCPCTL_SERVER: server.url,
      MCPCTL_TOKEN: bearer,
      NOTIFY_SOCKET: socket.address,
      WATCHDOG_USEC: "400000",
    });
    const said = () => socket.messages().map((message) => message.split("\n")[0]);
    await expect.poll(said).toContain("READY=1");
    const beats = () => said().filter((word) => word === "WATCHDOG=1").length;
    await expect.poll(beats).toBeGreaterThan(2);
    expect(socket.messages().join("\n")).not.toContain(bearer);
    running.kill("SIGTERM");
    expect(await running.exited).toBe(0);
    expect(said().filter((word) => word !== "WATCHDOG=1")).toEqual(["READY=1", "STOPPING=1"]);
  },
);

it.skipIf(process.platform !== "linux")(
  "mcpctl agent exits with 4 without a login, after which its unit does not restart it",
  async () => {
    const home = temporaryFolder();
    const socket = notifySocket(join(home, "n"));
    const running = unit(home, { MCPCTL_SERVER: "http://127.0.0.1:1", NOTIFY_SOCKET: socket.address });
    expect(await running.exited).toBe(4);
    expect(socket.messages()).toEqual([]);
  },
);
