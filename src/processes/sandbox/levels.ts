import { AppError } from "../../errors.ts";
import { bwrapLevel } from "./bwrap.ts";
import { landlockLevel } from "./landlock.ts";
import { none } from "./none.ts";
import type { SandboxLevel } from "./sandbox-level.ts";

/** Facts about this host that the levels need. */
export interface LevelOptions {
  /** The variable PATH in which their programs are looked for. */
  path: string;
}

/** Every level, the strongest first. */
const makers = {
  bwrap: ({ path }) => bwrapLevel(path),
  landlock: ({ path }) => landlockLevel(path),
  none: () => none,
} satisfies Record<string, (options: LevelOptions) => SandboxLevel>;

export type SandboxName = keyof typeof makers;

/** The names of the levels, the strongest first. */
export const sandboxNames = Object.keys(makers) as readonly SandboxName[];

/** Makes the levels of this host, the strongest first. Each remembers the answer of its probe. */
export function sandboxLevels(options: LevelOptions): SandboxLevel[] {
  return Object.values(makers).map((make) => make(options));
}

/** A level that the host has. */
export interface ChosenLevel {
  level: SandboxLevel;
  /** Sentences about stronger levels that the host lacks. Empty for a level that was asked for by name. */
  missing: string[];
}

/**
 * Chooses the level of a program.
 *
 * @param wanted a name, or `auto` for the strongest that the host has
 * @throws AppError `not_supported` when the host lacks the level, with the reason and the remedy; `invalid_request` for
 *   an unknown name (T143)
 */
export async function chooseLevel(wanted: string, levels: readonly SandboxLevel[]): Promise<ChosenLevel> {
  if (wanted !== "auto") return { level: await levelNamed(wanted, levels), missing: [] };
  const missing: string[] = [];
  for (const level of levels) {
    const found = await level.probe();
    if (found.available) return { level, missing };
    missing.push(`${level.name} is not used: ${found.reason}`);
  }
  throw new AppError("not_supported", "this host has no sandbox", { hint: missing.join("; ") });
}

async function levelNamed(wanted: string, levels: readonly SandboxLevel[]): Promise<SandboxLevel> {
  const level = levels.find(({ name }) => name === wanted);
  if (!level) {
    const names = ["auto", ...levels.map(({ name }) => name)].join(", ");
    throw new AppError("invalid_request", `unknown sandbox "${wanted}"`, {
      hint: `the sandboxes are: ${names}`,
    });
  }
  const found = await level.probe();
  if (found.available) return level;
  throw new AppError("not_supported", `the sandbox ${wanted} does not work on this host: ${found.reason}`, {
    hint: found.hint,
  });
}
