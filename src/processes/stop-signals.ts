import { readFileSync } from "node:fs";

/** Signals that ask a program to stop, until `ignore` is called. */
export interface StopSignals {
  /** Aborts at the first SIGTERM, SIGINT or SIGHUP. */
  readonly first: AbortSignal;
  /** Aborts at the next SIGTERM or SIGINT. */
  readonly second: AbortSignal;
  ignore(): void;
}

/**
 * Listens for the signals that stop a program. SIGHUP, which a closed terminal sends, is one of them, but not under
 * `nohup`.
 *
 * @param takesHangup false if SIGHUP means something else to the program
 */
export function stopSignals(takesHangup = true): StopSignals {
  const [first, second] = [new AbortController(), new AbortController()];
  const onSignal = () => (first.signal.aborted ? second : first).abort();
  // A closed terminal can send it twice.
  const onHangup = () => first.abort();
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  if (takesHangup && !survivesHangup()) process.on("SIGHUP", onHangup);
  return {
    first: first.signal,
    second: second.signal,
    ignore() {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
      process.off("SIGHUP", onHangup);
    },
  };
}

/** True if SIGHUP was ignored when the program was started: to listen for it would end that. */
function survivesHangup(): boolean {
  // On other systems: `nohup` takes the terminal away.
  if (process.platform !== "linux") return !process.stderr.isTTY;
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return ignored !== undefined && (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
