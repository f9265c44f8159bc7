import { AppError } from "../errors.ts";
import { tryCommand } from "./try-command.ts";

/** Processes of a program that run outside of its process group: in a container, or in a scope of systemd. */
export interface OutsideProcesses {
  kind: keyof typeof endings;
  /** Absolute path of the program that ends them. */
  program: string;
  name: string;
}

/** The arguments that end each kind, and the words by which their program says that there is nothing to end. */
const endings = {
  container: { words: (name: string) => ["rm", "--force", name], gone: /no (?:such )?container/i },
  scope: { words: (name: string) => ["stop", `${name}.scope`], gone: /not loaded|not found/i },
  "user-scope": {
    words: (name: string) => ["--user", "stop", `${name}.scope`],
    gone: /not loaded|not found/i,
  },
} as const;

/** Makes the name of a container or scope. No other one has it. */
export function outsideName(): string {
  return `mcpctl-${crypto.randomUUID()}`;
}

/** True for processes in a record, which is data of a file. */
export function isOutsideProcesses(value: unknown): value is OutsideProcesses {
  const { kind, program, name } = Object(value) as Record<string, unknown>;
  if (typeof kind !== "string" || !Object.hasOwn(endings, kind)) return false;
  return typeof program === "string" && program.startsWith("/") && /^mcpctl-[\w-]+$/.test(String(name));
}

/**
 * Ends the processes. Those that are gone already are no fault.
 *
 * @throws AppError `unavailable` when they may be still there
 */
export async function endOutsideProcesses(
  { kind, program, name }: OutsideProcesses,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { words, gone } = endings[kind];
  const { code, stderr } = await tryCommand([program, ...words(name)], env);
  if (code === 0 || gone.test(stderr)) return;
  throw new AppError(
    "unavailable",
    `the container or scope ${name} cannot be ended: ${stderr.slice(0, 300)}`,
  );
}
