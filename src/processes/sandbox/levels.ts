import { AppError } from "../../errors.ts";
import { type SandboxName, type SandboxWord, sandboxNames, sandboxWords } from "../../kinds/mcp-settings.ts";
import { bwrapLevel } from "./bwrap.ts";
import { containerLevel } from "./container.ts";
import { landlockLevel } from "./landlock.ts";
import { none } from "./none.ts";
import type { SandboxLevel } from "./sandbox-level.ts";
import { systemdLevel } from "./systemd.ts";

/** Facts about this host that the levels need. */
export interface LevelOptions {
  /** The environment of mcpctl, in whose PATH their programs are looked for. */
  env: Readonly<Record<string, string | undefined>>;
}

/** A maker for each level. */
const makers = {
  container: ({ env }) => containerLevel(env),
  bwrap: ({ env }) => bwrapLevel(env["PATH"] ?? ""),
  landlock: landlockLevel,
  systemd: ({ env }) => systemdLevel(env),
  none: () => none,
} satisfies Record<SandboxName, (options: LevelOptions) => SandboxLevel>;

/** Makes the levels of this host, the strongest first. Each remembers the answer of its probe. */
export function sandboxLevels(options: LevelOptions): SandboxLevel[] {
  return sandboxNames.map((name) => makers[name](options));
}

/** The needs of a program, which its level must meet. */
export interface LevelNeeds {
  /** The ways in which it can run. */
  ways: readonly SandboxLevel["runs"][];
  /** False: the level must be able to turn the network off. */
  network: boolean;
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
 *   an unknown name, and for a level that cannot run such a program (T143)
 */
export async function chooseLevel(
  wanted: SandboxWord,
  levels: readonly SandboxLevel[],
  { ways, network }: LevelNeeds,
): Promise<ChosenLevel> {
  if (wanted !== "auto") return { level: await levelNamed(wanted, levels, { ways, network }), missing: [] };
  const suits = ({ runs, isolates }: SandboxLevel) => ways.includes(runs) && (network || isolates);
  const missing: string[] = [];
  const hints: string[] = [];
  for (const level of levels.filter(suits)) {
    const found = await level.probe();
    if (found.available) return { level, missing };
    missing.push(`${level.name} is not used: ${found.reason}`);
    hints.push(found.hint);
  }
  throw new AppError("not_supported", `no sandbox works on this host: ${missing.join("; ")}`, {
    hint: hints.join("; "),
  });
}

async function levelNamed(
  wanted: SandboxName,
  levels: readonly SandboxLevel[],
  { ways, network }: LevelNeeds,
): Promise<SandboxLevel> {
  const level = levels.find(({ name }) => name === wanted);
  if (!level)
    throw new AppError("invalid_request", `unknown sandbox "${wanted}"`, {
      hint: `the sandboxes are: ${sandboxWords.join(", ")}`,
    });
  if (!ways.includes(level.runs)) {
    const what = {
      image: "images, and this is a command",
      host: "programs of this host, and this is an image",
    };
    const names = levels.filter(({ runs }) => ways.includes(runs)).map(({ name }) => name);
    throw new AppError("invalid_request", `the sandbox ${wanted} runs ${what[level.runs]}`, {
      hint: `use auto or one of: ${names.join(", ")}`,
    });
  }
  if (!network && !level.isolates)
    throw new AppError("invalid_request", `the sandbox ${wanted} cannot turn the network off`, {
      hint: "use auto, or a sandbox that can",
    });
  const found = await level.probe();
  if (found.available) return level;
  throw new AppError("not_supported", `the sandbox ${wanted} does not work on this host: ${found.reason}`, {
    hint: found.hint,
  });
}
