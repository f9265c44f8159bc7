import { constants } from "node:os";

/** Signals that a terminal sends to all programs in front, so that the program has got them already. */
const ofTerminal: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
const passed: readonly NodeJS.Signals[] = [...ofTerminal, "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/**
 * A program that takes the place of this one: it has the terminal, gets the signals, and its exit code is that of this one.
 * From when it is made until `release`, no signal ends this process, so that it can clean up.
 */
export class ForegroundProgram {
  readonly #isTerminal: boolean;
  readonly #handlers: (readonly [NodeJS.Signals, () => void])[];
  #child: Bun.Subprocess | undefined;
  #early: NodeJS.Signals | undefined;

  /** @param isTerminal true if standard input is a terminal */
  constructor(isTerminal: boolean) {
    this.#isTerminal = isTerminal;
    this.#handlers = passed.map((signal) => [signal, () => this.#onSignal(signal)] as const);
    for (const [signal, handler] of this.#handlers) process.on(signal, handler);
  }

  /**
   * Runs the program to its end.
   *
   * @param command its absolute path and arguments
   * @returns its exit code, or 128 and the number of the signal that ended it; it is not started after a signal
   */
  async run(
    command: readonly string[],
    { cwd, env }: { cwd: string; env: Record<string, string | undefined> },
  ): Promise<number> {
    if (this.#early !== undefined) return codeOf(this.#early);
    const child = Bun.spawn([...command], {
      cwd,
      env,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    });
    this.#child = child;
    const code = await child.exited;
    const { signalCode } = child;
    return typeof signalCode === "string" ? codeOf(signalCode) : code;
  }

  release(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (!this.#child) this.#early ??= signal;
    else if (!this.#isTerminal || !ofTerminal.includes(signal)) this.#child.kill(signal);
  }
}

function codeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
