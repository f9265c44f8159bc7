import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";
import type { Systemctl } from "./systemctl.ts";
import { isOurs, unitName } from "./unit.ts";

/** Surroundings of `install` and `uninstall`. */
export interface Installation {
  /** Path of the unit. */
  path: string;
  systemctl: Systemctl;
  /** Prints a line about what was done. */
  print(line: string): void;
  /** Prints a line about what could not be done, and what to do. */
  warn(line: string): void;
}

/**
 * Writes the unit and lets systemd start it, now and with each start of the user's manager. Run again, it changes only
 * what differs.
 *
 * @param options.force true overwrites a unit that mcpctl did not write
 * @param options.start false only writes the file
 * @returns false when systemd could not be made to start it
 * @throws AppError `conflict` for a unit of that name that mcpctl did not write
 */
export async function install(
  text: string,
  { path, systemctl, print, warn }: Installation,
  options: { force: boolean; start: boolean },
): Promise<boolean> {
  const there = unitAt(path);
  if (there !== undefined && !isOurs(there) && !options.force)
    throw new AppError("conflict", `${path} was not written by mcpctl`, {
      hint: "replace it with --force",
    });
  if (there === text) print(`${path} unchanged`);
  else {
    write(path, text);
    print(`${path} ${there === undefined ? "created" : "updated"}`);
  }
  if (!options.start) {
    print(
      `not started; to start it: systemctl --user daemon-reload && systemctl --user enable --now ${unitName}`,
    );
    return true;
  }
  const commands = [["daemon-reload"], ["enable", "--now", unitName]];
  // A running agent keeps the unit it was started with until it is restarted.
  if (there !== undefined && there !== text) commands.push(["restart", unitName]);
  return run(commands, { systemctl, print, warn });
}

/**
 * Stops the agent and removes its unit.
 *
 * @returns false when systemd could not be made to stop it
 * @throws AppError `conflict` when the unit is not mcpctl's own
 */
export async function uninstall({ path, systemctl, print, warn }: Installation): Promise<boolean> {
  const there = unitAt(path);
  if (there === undefined) {
    print(`${path} does not exist: nothing to uninstall`);
    return true;
  }
  if (!isOurs(there))
    throw new AppError("conflict", `${path} was not written by mcpctl`, { hint: "remove it by hand" });
  const stopped = await run([["disable", "--now", unitName]], { systemctl, print, warn });
  rmSync(path);
  print(`${path} removed`);
  return stopped && (await run([["daemon-reload"]], { systemctl, print, warn }));
}

/** Runs systemctl commands one after the other, and stops at the first failure. */
async function run(
  commands: readonly (readonly string[])[],
  { systemctl, print, warn }: Omit<Installation, "path">,
): Promise<boolean> {
  for (const [at, args] of commands.entries()) {
    const line = `systemctl --user ${args.join(" ")}`;
    const rest = commands.slice(at).map((left) => `systemctl --user ${left.join(" ")}`);
    const outcome = await systemctl(args);
    if (outcome?.code === 0) {
      print(`ran: ${line}`);
      continue;
    }
    if (!outcome) warn("systemctl was not found");
    else {
      warn(`${line} ended with ${outcome.code}${outcome.output && `: ${outcome.output}`}`);
      if (/connect to (the )?(user )?(scope )?bus/i.test(outcome.output))
        warn(
          "this session has no user manager: log in as this user (with ssh or machinectl shell), not with su or sudo",
        );
    }
    if (outcome && args[0] !== "daemon-reload") warn(`its log: journalctl --user -u ${unitName}`);
    warn(`to continue by hand: ${rest.join(" && ")}`);
    return false;
  }
  return true;
}

/** Returns the text of the unit; undefined when there is none, "" for the link of a masked unit. */
function unitAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  return found.isFile() ? readFileSync(path, "utf8") : "";
}

/** Writes the whole unit in one step: systemd may read it at any time. */
function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}.draft`;
    writeFileSync(draft, text, { mode: 0o644, flag: "wx" });
    renameSync(draft, path);
  } catch (cause) {
    throw new AppError("unavailable", `cannot write ${path}: ${reasonText(cause)}`, {
      cause,
    });
  }
}
