import { AppError } from "../../errors.ts";
import { duration } from "./globals.ts";

/** Reads `1h` as the time an hour ago, or a time as in RFC 3339. Returns RFC 3339. */
export function timeOf(flag: string, text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return new Date(now - duration(flag, text)).toISOString();
  if (isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new AppError("usage", `${flag}: "${text}" is not a time`, {
    hint: "write 30m, 1h, 7d or 2026-11-21T10:00:00Z",
  });
}

/** True for a day of the calendar, such as 2026-11-21. `Date` takes 2026-02-30 for a day in March. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const day = new Date(text);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}
