import { resolve } from "node:path";
import { checkRecipient } from "../../backup/age.ts";
import { AppError } from "../../errors.ts";
import { parseSpan } from "../core/retention.ts";
import type { ScheduleSettings } from "./schedule.ts";

/** The flags of backups that a server makes by itself. */
export const backupFlags = {
  "backup-dir": {
    type: "string",
    valueHint: "DIR",
    description: "Write a backup into this folder at intervals (MCPCTL_BACKUP_DIR; default: none)",
  },
  "backup-every": {
    type: "string",
    valueHint: "TIME",
    description: "Time between two backups, for example 12h (MCPCTL_BACKUP_EVERY; default 24h)",
  },
  "backup-keep": {
    type: "string",
    valueHint: "N",
    description: "Keep the newest N backups in the folder (MCPCTL_BACKUP_KEEP; default 7)",
  },
  "backup-recipient": {
    type: "string",
    multiple: true,
    valueHint: "AGE-KEY",
    description: "Encrypt backups for this public key of age, and save values of secrets, too",
  },
} as const;

interface BackupFlags {
  "backup-dir": string | undefined;
  "backup-every": string | undefined;
  "backup-keep": string | undefined;
  "backup-recipient": readonly string[];
}

/** Returns the settings that flags and variables give; undefined if the server makes no backups. Throws AppError. */
export function scheduleOf(
  flags: BackupFlags,
  env: Readonly<Record<string, string | undefined>>,
): ScheduleSettings | undefined {
  const folder = flags["backup-dir"] ?? env["MCPCTL_BACKUP_DIR"];
  const recipients = flags["backup-recipient"];
  if (!folder) {
    const given = ["backup-every", "backup-keep"].find((name) => flags[name as "backup-keep"] !== undefined);
    if (given !== undefined || recipients.length > 0)
      throw new AppError("usage", `--${given ?? "backup-recipient"} needs --backup-dir`);
    return undefined;
  }
  for (const recipient of recipients) checkRecipient(recipient);
  return {
    folder: resolve(folder),
    every: parseSpan("--backup-every", flags["backup-every"] ?? (env["MCPCTL_BACKUP_EVERY"] || "24h")),
    keep: parseKept(flags["backup-keep"] ?? (env["MCPCTL_BACKUP_KEEP"] || "7")),
    recipients,
  };
}

function parseKept(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new AppError("usage", `--backup-keep: "${text}" is not a number of 1 or more`);
}
