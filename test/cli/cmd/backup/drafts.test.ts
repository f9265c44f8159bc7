import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { draftOf, removeAbandoned } from "../../../../src/cli/cmd/backup/drafts.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

/** The id of a process that has ended. */
const ended = Bun.spawnSync(["true"]).pid;

describe("half backups in a folder", () => {
  it("are deleted if their process was killed, and nothing else is (failure mode 214)", async () => {
    const folder = temporaryFolder();
    const own = basename(draftOf(join(folder, "b.tar.zst")));
    const of = (pid: number) => own.replace(String(process.pid), String(pid));
    const abandoned = of(ended);
    const kept = [
      own,
      // Another machine may be writing it.
      of(ended).replace("b.tar", "new.tar"),
      "b.tar.zst",
      ".b.tar.zst.part",
      `.b.tar.zst.${ended}.part`,
      `${abandoned}.bak`,
      abandoned.slice(1),
    ];
    for (const name of [abandoned, ...kept]) writeFileSync(join(folder, name), "half");
    for (const name of [abandoned, ...kept])
      if (!name.includes("new.tar")) utimesSync(join(folder, name), 1, 1);
    await removeAbandoned(folder);
    expect(readdirSync(folder).sort()).toEqual(kept.sort());
  });
});
