import { distance } from "./format.ts";

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/**
 * A time where the reader is; in UTC on hover.
 *
 * @param as `ago`: the distance from now; `clock`: the time of today, and of other days the day too; `full` if not given
 */
export function Time({ at, as = "full" }: { at: string | null | undefined; as?: "ago" | "clock" | "full" }) {
  if (!at) return <span class="quiet">never</span>;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  const utc = `${date.toISOString().replace("T", " ").slice(0, 19)} UTC`;
  const text =
    as === "ago" ? distance(at) : (as === "full" ? local : isToday(date) ? clock : short).format(date);
  return (
    <time dateTime={date.toISOString()} title={as === "ago" ? `${local.format(date)} · ${utc}` : utc}>
      {text}
    </time>
  );
}

function isToday(date: Date): boolean {
  return date.toDateString() === new Date().toDateString();
}
