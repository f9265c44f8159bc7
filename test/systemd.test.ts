import { join } from "node:path";
import { expect, it } from "vitest";
import { type ServiceEnv, serviceManager } from "../src/systemd.ts";
import { notifySocket } from "./support/notify-socket.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const linux = process.platform === "linux";

/** Beats when the test says so. */
function byHand() {
  const timers: { milliseconds: number; act: () => void; stopped: boolean }[] = [];
  return {
    timers,
    every(milliseconds: number, act: () => void) {
      const timer = { milliseconds, act, stopped: false };
      timers.push(timer);
      return () => {
        timer.stopped = true;
      };
    },
  };
}

it.skipIf(!linux).each([["a path"], ["a name without a file"]])(
  "the service manager gets ready, status and stopping, through a socket with %s",
  async (kind) => {
    const folder = temporaryFolder();
    const socket = notifySocket(kind === "a path" ? join(folder, "n") : `@${folder}/n`);
    const manager = await serviceManager({ NOTIFY_SOCKET: socket.address });
    expect(manager.present).toBe(true);
    manager.ready("listens on http://127.0.0.1:7777");
    manager.status("two lines\nMAINPID=1");
    manager.stopping("finishing");
    expect(socket.messages()).toEqual([
      "READY=1\nSTATUS=listens on http://127.0.0.1:7777",
      "STATUS=two lines MAINPID=1",
      "STOPPING=1\nSTATUS=finishing",
    ]);
    manager.close();
    manager.status("nothing is said any more");
    expect(socket.messages()).toHaveLength(3);
  },
);

it("the variables of systemd are removed from the environment", async () => {
  const env: ServiceEnv = { NOTIFY_SOCKET: "/nowhere", WATCHDOG_USEC: "1", WATCHDOG_PID: "1", PATH: "/bin" };
  await serviceManager(env);
  expect(env).toEqual({ PATH: "/bin" });
});

it.skipIf(!linux)("beats at half the watchdog's time, while what it depends on answers", async () => {
  const socket = notifySocket(join(temporaryFolder(), "n"));
  const { every, timers } = byHand();
  const env = { NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: "30000000", WATCHDOG_PID: `${process.pid}` };
  const manager = await serviceManager(env, every);
  let answer: () => Promise<unknown> = async () => {};
  let asked = 0;
  manager.watch(() => {
    asked++;
    return answer();
  });
  const [timer] = timers;
  expect(timer!.milliseconds).toBe(15_000);
  await expect.poll(() => socket.messages()).toEqual(["WATCHDOG=1"]);

  answer = () => Promise.reject(new Error("the disk is gone"));
  timer!.act();
  await Promise.resolve();
  const silent = Promise.withResolvers<void>();
  answer = () => silent.promise;
  const askedAgain = () => {
    timer!.act();
    return asked;
  };
  await expect.poll(askedAgain).toBe(3);
  timer!.act();
  expect(asked).toBe(3);
  expect(socket.messages()).toHaveLength(1);

  silent.resolve();
  await expect.poll(() => socket.messages()).toHaveLength(2);
  manager.close();
  expect(timer!.stopped).toBe(true);
});

it.skipIf(!linux)(
  "no beats are sent without a watchdog, for another process, or with an invalid time",
  async () => {
    const folder = temporaryFolder();
    const socket = notifySocket(join(folder, "n"));
    const { every, timers } = byHand();
    const watchdogs: ServiceEnv[] = [
      {},
      { WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" },
      { WATCHDOG_USEC: "0" },
      { WATCHDOG_USEC: "soon" },
    ];
    for (const watchdog of watchdogs) {
      const manager = await serviceManager({ NOTIFY_SOCKET: socket.address, ...watchdog }, every);
      manager.watch(() => Promise.reject(new Error("nobody should ask")));
      manager.close();
    }
    expect(timers).toEqual([]);
    expect(socket.messages()).toEqual([]);
  },
);

it("no service manager is found where nothing listens, and nothing fails when the socket is gone", async () => {
  for (const env of [
    {},
    { NOTIFY_SOCKET: "" },
    { NOTIFY_SOCKET: "vsock:2:1" },
    { NOTIFY_SOCKET: `/${"x".repeat(200)}` },
  ]) {
    const manager = await serviceManager(env);
    expect(manager.present).toBe(false);
    manager.ready("x");
    manager.watch(() => Promise.reject(new Error("nobody should ask")));
    manager.close();
  }
  const lost = await serviceManager({ NOTIFY_SOCKET: join(temporaryFolder(), "never-was") });
  lost.ready("nobody hears it");
  lost.stopping("nor this");
  lost.close();
});
