import { onTestFinished } from "vitest";
import { createPty, type Pty } from "./pseudo-terminal.ts";

export { keys, type Pty, type PtyProgram } from "./pseudo-terminal.ts";

/** Opens a pseudo-terminal, which is closed when the test is over. */
export function openPty(columns = 80, rows = 24): Pty {
  const pty = createPty(columns, rows);
  onTestFinished(pty.close);
  return pty;
}
