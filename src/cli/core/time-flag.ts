import { AppError } from "../../errors.ts";
import { duration } from "./globals.ts";

/** Reads `1h` as the time an hour ago, or a time as in RFC 3339. Returns RFC 3339. */
export function timeOf(flag: string, text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return new Date(now - duration(flag, text)).toISOString();
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new AppError("usage", `${flag}: "${text}" is not a time`, {
    hint: "write 30m, 1h, 7d or 2026-11-21T10:00:00Z",
  });
}
