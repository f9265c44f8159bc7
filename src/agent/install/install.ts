import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../errors.ts";
import type { Systemctl } from "./systemctl.ts";
import { isOurs, unitName } from "./unit.ts";

/** What installing and uninstalling work with. */
export interface Installation {
  /** Where the unit is, or is to be. */
  path: string;
  systemctl: Systemctl;
  /** Told what is done, in lines. */
  tell(line: string): void;
  /** Told what could not be done, and what to do about it. */
  warn(line: string): void;
}

/**
 * Writes the unit and has systemd start it, now and whenever the user's manager starts. Done again it changes nothing
 * but what is not as it should be.
 *
 * @param options.force overwrite a unit that somebody else wrote
 * @param options.start false to write the file only
 * @returns whether the agent runs now, as far as systemd was asked to start it
 * @throws AppError `conflict` when there is a unit of that name that mcpctl did not write
 */
export async function install(
  text: string,
  { path, systemctl, tell, warn }: Installation,
  options: { force: boolean; start: boolean },
): Promise<boolean> {
  const there = unitAt(path);
  if (there !== undefined && !isOurs(there) && !options.force)
    throw new AppError("conflict", `${path} was not written by mcpctl`, {
      hint: "keep it, or replace it with --force",
    });
  if (there === text) tell(`${path} unchanged`);
  else {
    write(path, text);
    tell(`${path} ${there === undefined ? "created" : "updated"}`);
  }
  if (!options.start) {
    tell(
      `not started; to start it: systemctl --user daemon-reload && systemctl --user enable --now ${unitName}`,
    );
    return true;
  }
  const commands = [["daemon-reload"], ["enable", "--now", unitName]];
  // A running agent goes on with the unit it was started with.
  if (there !== undefined && there !== text) commands.push(["restart", unitName]);
  return run(commands, { systemctl, tell, warn });
}

/**
 * Stops the agent, and removes its unit.
 *
 * @returns whether systemd was told
 * @throws AppError `conflict` when the unit is not mcpctl's own
 */
export async function uninstall({ path, systemctl, tell, warn }: Installation): Promise<boolean> {
  const there = unitAt(path);
  if (there === undefined) {
    tell(`${path} is not there: nothing to uninstall`);
    return true;
  }
  if (!isOurs(there))
    throw new AppError("conflict", `${path} was not written by mcpctl`, { hint: "remove it by hand" });
  const stopped = await run([["disable", "--now", unitName]], { systemctl, tell, warn });
  rmSync(path);
  tell(`${path} removed`);
  return stopped && (await run([["daemon-reload"]], { systemctl, tell, warn }));
}

/** Calls systemctl, one after the other, and stops at the first that fails. */
async function run(
  commands: readonly (readonly string[])[],
  { systemctl, tell, warn }: Omit<Installation, "path">,
): Promise<boolean> {
  for (const [at, args] of commands.entries()) {
    const line = `systemctl --user ${args.join(" ")}`;
    const rest = commands.slice(at).map((left) => `systemctl --user ${left.join(" ")}`);
    const outcome = await systemctl(args);
    if (outcome?.code === 0) {
      tell(`ran: ${line}`);
      continue;
    }
    if (!outcome) warn("there is no systemctl here");
    else {
      warn(`${line} ended with ${outcome.code}${outcome.said && `: ${outcome.said}`}`);
      if (/connect to (the )?(user )?(scope )?bus/i.test(outcome.said))
        warn(
          "this session has no user manager: log in as this user (ssh, or machinectl shell), not by su or sudo",
        );
    }
    if (outcome && args[0] !== "daemon-reload") warn(`its log: journalctl --user -u ${unitName}`);
    warn(`to go on by hand: ${rest.join(" && ")}`);
    return false;
  }
  return true;
}

/** The text of the unit; undefined when there is none. What is no file, as a masked unit's link, is nobody's text. */
function unitAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  return found.isFile() ? readFileSync(path, "utf8") : "";
}

/** All of it or none: systemd may look at any time. */
function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}.draft`;
    writeFileSync(draft, text, { mode: 0o644, flag: "wx" });
    renameSync(draft, path);
  } catch (cause) {
    throw new AppError("unavailable", `cannot write ${path}: ${(cause as { code?: string }).code}`, {
      cause,
    });
  }
}
