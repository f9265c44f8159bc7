import { resolve } from "node:path";
import type { AgeKey } from "../../../backup/age.ts";
import { readBackup } from "../../../backup/read-backup.ts";
import { jsonText } from "../../../wire/text.ts";
import type { Context } from "../../core/context.ts";
import { age } from "../../output/cells.ts";
import { aligned } from "../../output/describe.ts";
import { waitingOn } from "../../terminal/progress.ts";
import { openedFile } from "./backup-file.ts";
import { countText, summaryOf } from "./summary.ts";

/** Checks every byte of a backup and prints what is in it. Throws AppError if it is damaged. */
export async function verifyBackup(
  file: string,
  key: AgeKey | undefined,
  json: boolean,
  context: Context,
): Promise<void> {
  const { terminal, cwd, now } = context;
  const waiting = waitingOn(context, `checking ${file}`);
  const manifest = await readBackup(openedFile(resolve(cwd, file), key)).finally(waiting.end);
  if (json) return terminal.out(jsonText({ file, ...summaryOf(manifest) }));
  const { createdAt, version, dialect, migration, secrets, audit } = manifest;
  const lines = [
    { label: "Backup", value: `${file}: every byte is right` },
    { label: "Made", value: `${createdAt} (${age(createdAt, now())})` },
    {
      label: "By",
      value: `mcpctl ${version}, ${dialect === "sqlite" ? "SQLite" : "PostgreSQL"}, ${migration}`,
    },
    { label: "Has", value: countText(manifest) },
    { label: "Secrets", value: secrets === "values" ? "with their values" : "without values in plain text" },
    { label: "Audit log", value: audit ? "yes" : "no" },
  ];
  terminal.out(`${aligned(lines, "").join("\n")}\n`);
}
