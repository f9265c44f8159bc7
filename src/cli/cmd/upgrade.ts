import { realpathSync } from "node:fs";
import { AppError } from "../../errors.ts";
import { platform, version } from "../../version.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { installRelease } from "./upgrade/install.ts";
import {
  assertOwn,
  assertReplaceable,
  type ProgramFile,
  programFile,
  removeOldDrafts,
  swapWithPrevious,
} from "./upgrade/program-file.ts";
import { newestRelease } from "./upgrade/release.ts";
import { type RunningRole, restartText, runningFrom } from "./upgrade/running.ts";

/** The program that runs, as `upgrade` sees it. */
export interface RunningProgram {
  path: string;
  version: string;
  /** Undefined from source. */
  platform: string | undefined;
}

export const upgrade = defineVerb({
  meta: {
    name: "upgrade",
    description: "Replace this program with the newest release",
    about: `Downloads the newest release from the folder that MCPCTL_UPDATE_URL names, checks its sum, and its signature
      where a key is known: the one that this program was built with, or MCPCTL_UPDATE_KEY. Then it tries the new
      program, and puts it in the place of the old one, which stays beside it as mcpctl.previous. --rollback swaps the
      two. Nothing is asked by itself: mcpctl never looks for releases unless you run this or "mcpctl version --check".

      A server or agent that runs goes on with its version until it is restarted. A program that a package has
      installed is upgraded by the package manager. An older release is refused without --allow-downgrade: an older
      server does not open a database that a newer one has brought up to date.`,
    usage: "[--rollback | --allow-downgrade]",
    examples: [
      ["mcpctl upgrade", "Install the newest release"],
      ["mcpctl upgrade --rollback", "Go back to the program before"],
    ],
  },
  args: {
    rollback: { type: "boolean", description: "Swap the program with the one before the last upgrade" },
    "allow-downgrade": {
      type: "boolean",
      description: "Also install a release that is older than this program",
    },
  },
  async run(args, context) {
    await upgradeProgram(
      { path: realpathSync(process.execPath), version: version.version, platform },
      { rollback: args.rollback, allowDowngrade: args["allow-downgrade"] },
      context,
    );
  },
});

/**
 * Upgrades a program, or rolls it back.
 *
 * @throws AppError
 */
export async function upgradeProgram(
  running: RunningProgram,
  options: { rollback: boolean; allowDowngrade: boolean },
  context: Context,
): Promise<void> {
  const { terminal } = context;
  if (running.platform === undefined)
    throw new AppError(
      "not_supported",
      "mcpctl runs from its sources here, and there is no program to replace",
      {
        hint: "update the checkout: git pull",
      },
    );
  const program = programFile(running.path);
  assertOwn(program.path);
  const flags = options.rollback ? " --rollback" : options.allowDowngrade ? " --allow-downgrade" : "";
  assertReplaceable(
    program.path,
    `sudo --preserve-env=MCPCTL_UPDATE_URL,MCPCTL_UPDATE_KEY mcpctl upgrade${flags}`,
  );
  removeOldDrafts(program.path, context.now());
  const roles = runningFrom(program.path);
  if (options.rollback) {
    swapWithPrevious(program);
    const lines = [
      `${program.path} is the earlier program again; to undo that: mcpctl upgrade --rollback`,
      ...roles.map(restartText),
    ];
    terminal.out(`${lines.join("\n")}\n`);
    return;
  }
  const release = await newestRelease(context);
  const order = Bun.semver.order(release.version, running.version);
  if (order === 0) {
    terminal.out(`mcpctl ${running.version} is the newest release\n`);
    return;
  }
  if (order < 0 && !options.allowDowngrade)
    throw new AppError(
      "conflict",
      `the newest release is ${release.version}, older than this program (${running.version})`,
      {
        hint: "to install it nevertheless: mcpctl upgrade --allow-downgrade",
      },
    );
  await installRelease(release, running.platform, program, context);
  terminal.out(installedText(program, running.version, release, roles));
}

function installedText(
  { path, previous }: ProgramFile,
  before: string,
  { version: now, signed }: { version: string; signed: boolean },
  roles: readonly RunningRole[],
): string {
  const checked = signed
    ? "its sum and signature were right"
    : "its sum was right; no key is known to check a signature";
  return [
    `${path} was ${before} and is now ${now}: ${checked}`,
    `the old program is ${previous}; to go back: mcpctl upgrade --rollback`,
    ...(roles.length > 0
      ? roles.map(restartText)
      : ["a server or agent that runs keeps its version until it is restarted"]),
    "",
  ].join("\n");
}
