import { distance } from "./format.ts";

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/**
 * A time where the reader is; in UTC on hover.
 *
 * @param as `ago`: the distance from now; `clock`: the time of a day of which the list tells; `full` if not given
 */
export function Time({ at, as = "full" }: { at: string | null | undefined; as?: "ago" | "clock" | "full" }) {
  if (!at) return <span class="quiet">never</span>;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  const utc = `${date.toISOString().replace("T", " ").slice(0, 19)} UTC`;
  const text = as === "ago" ? distance(at) : (as === "clock" ? clock : local).format(date);
  return (
    <time dateTime={date.toISOString()} title={as === "ago" ? `${local.format(date)} · ${utc}` : utc}>
      {text}
    </time>
  );
}
