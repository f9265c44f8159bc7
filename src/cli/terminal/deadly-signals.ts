/** Signals that end the process, and on which the terminal must be given back as it was: the shell goes on with it. */
const deadly = ["SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * Restores the terminal before a signal ends the process.
 *
 * @returns ends that
 */
export function onDeadlySignal(restore: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    stop();
    try {
      restore();
    } catch {
      // The terminal has gone.
    }
    process.kill(process.pid, signal);
  };
  const stop = () => {
    for (const one of deadly) process.off(one, onSignal);
  };
  for (const one of deadly) process.on(one, onSignal);
  return stop;
}
