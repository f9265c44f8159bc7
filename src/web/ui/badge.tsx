const good = new Set([
  "active",
  "ok",
  "ready",
  "running",
  "idle",
  "healthy",
  "approved",
  "authorized",
  "connected",
  "offered",
]);
const bad = new Set([
  "failing",
  "inactive",
  "failed",
  "error",
  "expired",
  "rejected",
  "offline",
  "unhealthy",
  "used up",
]);
const warn = new Set([
  "hibernating",
  "starting",
  "backoff",
  "changed",
  "stale",
  "warning",
  "pending",
  "stopped",
  "degraded",
  "away",
]);

/** A state as one word, with a colour that its word tells, too. */
export function Badge({ state }: { state: string | null | undefined }) {
  if (!state) return null;
  const tone = good.has(state) ? "good" : bad.has(state) ? "bad" : warn.has(state) ? "warn" : "";
  return <span class={`badge ${tone}`}>{state}</span>;
}
