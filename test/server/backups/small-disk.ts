/**
 * Makes backups at intervals into a disk that has 8 MB more than must stay free, while somebody fills it and makes room
 * again. Prints what happened. usage: bun small-disk.ts FOLDER DATABASE
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BackupSchedule } from "../../../src/server/backups/schedule.ts";
import { openStore } from "../../../src/server/core/store/index.ts";

const [folder = "", path = ""] = process.argv.slice(2);
const start = 1_764_417_600_000;
let passed = 0;
const store = await openStore({ path, now: () => start });
const schedule = new BackupSchedule({
  store,
  settings: { folder, every: 3_600_000, keep: 9, recipients: [] },
  node: "one",
  now: () => start + passed,
  elapsed: () => passed,
  log: { info() {}, error() {} } as never,
  gauges: { gauge() {} },
});
const ballast = join(folder, "ballast");
const steps = [];
for (const step of ["room", "full", "full", "room"]) {
  if (step === "full") writeFileSync(ballast, Buffer.alloc(12_000_000, "x"));
  else rmSync(ballast, { force: true });
  await schedule.run();
  const files = readdirSync(folder).filter((name) => name !== "ballast");
  steps.push({
    files,
    reason: schedule.state.reason,
    next: Date.parse(schedule.state.nextAt!) - start - passed,
  });
  passed += step === "full" ? 600_000 : 3_600_000;
}
await store.close();
process.stdout.write(JSON.stringify(steps));
