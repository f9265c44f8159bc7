import type { Context } from "./context.ts";

/** The signal of a command that has no end of its own: it fires on Ctrl-C, and when the time of `--timeout` is over. */
export function withTimeout({ signal, flags }: Pick<Context, "signal" | "flags">): AbortSignal {
  return flags.timeout === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(flags.timeout)]);
}
