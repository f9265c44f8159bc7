import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { acceptsConnections } from "../src/unix-socket.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

it("acceptsConnections is true only while a program listens", async () => {
  const path = join(temporaryFolder(), "a.sock");
  expect(await acceptsConnections(path)).toBe(false);
  const server = Bun.listen({ unix: path, socket: { data() {} } });
  onTestFinished(() => server.stop(true));
  expect(await acceptsConnections(path)).toBe(true);
});

it("acceptsConnections is false for a socket that a killed program has left, and for another file", async () => {
  const folder = temporaryFolder();
  const left = join(folder, "left.sock");
  const script = `Bun.listen({ unix: ${JSON.stringify(left)}, socket: { data() {} } }); process.kill(process.pid, 9)`;
  await Bun.spawn([process.execPath, "-e", script]).exited;
  expect(await acceptsConnections(left)).toBe(false);
  writeFileSync(join(folder, "file"), "");
  expect(await acceptsConnections(join(folder, "file"))).toBe(false);
});
