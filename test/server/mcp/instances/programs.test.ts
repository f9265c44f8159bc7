import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { McpServerRow } from "../../../../src/server/core/store/typed-rows.ts";
import { InstanceLog } from "../../../../src/server/mcp/instances/logs/instance-log.ts";
import { Programs } from "../../../../src/server/mcp/instances/programs.ts";
import { testPrograms } from "../../../support/mcp/runtime.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const folder = "session-1";
const spec = { command: ["/bin/sleep", "1000"], sandbox: "none" };
const server = { id: "srv_1", name: "files", spec } as unknown as McpServerRow;

function programs() {
  const options = testPrograms(temporaryFolder());
  const made = new Programs(options);
  const path = join(options.folder, "programs", server.id, folder);
  let count = 0;
  const start = async () => {
    const { child } = await made.start(server, {
      instanceId: `ins_${++count}`,
      folder,
      values: { env: {}, headers: {}, secret: [] },
      log: new InstanceLog({ path: undefined, now: Date.now }),
    });
    onTestFinished(() => child.stop());
    return child;
  };
  return { path, start, remove: () => made.removeFolder(server.id, folder) };
}

describe("the folder of a session's program (failure mode 258)", () => {
  it("is whole for a program that is started while what was there is removed", async () => {
    const { path, start, remove } = programs();
    // The first start has the host probed.
    await (await start()).stop();
    const files = join(path, "files");
    mkdirSync(files);
    for (let i = 0; i < 3000; i++) writeFileSync(join(files, `${i}`), "");
    const removal = remove();
    await new Promise((resolve) => setImmediate(resolve));
    await start();
    await removal;
    expect([existsSync(path), existsSync(files)]).toEqual([true, false]);
  });

  it("stays while a later program uses it, and goes with that one", async () => {
    const { path, start, remove } = programs();
    const earlier = await start();
    const later = await start();
    await earlier.stop();
    const removal = remove();
    writeFileSync(join(path, "kept"), "");
    await start().then((child) => child.stop());
    expect(existsSync(join(path, "kept"))).toBe(true);
    await later.stop();
    await removal;
    expect(existsSync(path)).toBe(false);
  });
});
