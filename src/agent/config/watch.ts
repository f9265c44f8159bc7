import { mkdirSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { readPrivateFile } from "../../private-file.ts";
import type { Time } from "../../time.ts";
import type { AgentConfig } from "../core/config.ts";
import { type ConfigPlace, faultLine, parseAgentConfig } from "./parse.ts";

/** Milliseconds of quiet before the file is read: an editor writes in several steps. */
const quiet = 150;

export interface WatchOptions {
  /** Of the file, absolute. */
  path: string;
  place: ConfigPlace;
  log: Log;
  time: Time;
  /** The file says something new. */
  onConfig(config: AgentConfig): void;
}

/**
 * Reads the agent's config.
 *
 * @throws AppError `invalid_request` with every fault, or when the file is open to others
 */
export function readAgentConfig(path: string, place: ConfigPlace): AgentConfig {
  // It names commands that are run: whoever may write to it may run them.
  const parsed = parseAgentConfig(readPrivateFile(path, { secret: false }), place);
  if ("config" in parsed) return parsed.config;
  const [first, ...more] = parsed.faults;
  const message = more.length === 0 ? faultLine(first!) : `${place.file} has ${parsed.faults.length} faults`;
  const details = parsed.faults.map((fault) => ({
    path: `${fault.file}:${fault.line}`,
    message: fault.field === "" ? fault.message : `${fault.field}: ${fault.message}`,
  }));
  throw new AppError("invalid_request", message, { ...(more.length > 0 && { details }) });
}

/**
 * Watches the agent's config, also when an editor puts a new file in its place. A file with faults is told to the log,
 * and what was in force before stays in force.
 *
 * @param first what is in force when the watch begins
 * @returns how to stop
 */
export function watchAgentConfig(first: AgentConfig, options: WatchOptions): () => void {
  const { path, place, log, time, onConfig } = options;
  let inForce = JSON.stringify(first);
  let callOff = () => {};
  const read = () => {
    try {
      const config = readAgentConfig(path, place);
      const text = JSON.stringify(config);
      if (text === inForce) return;
      inForce = text;
      onConfig(config);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const faults = error.details?.map(({ path, message }) => `${path}: ${message}`) ?? [error.message];
      for (const fault of faults) log.error(fault);
      log.warn(`${place.file} is left aside until it is mended: what it said before goes on`);
    }
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // The folder, because a file that is replaced takes its watch with it.
  const watcher = watch(dirname(path), (_, name) => {
    if (name !== null && name !== basename(path)) return;
    callOff();
    callOff = time.after(quiet, read);
  });
  watcher.on("error", () =>
    log.warn(`${place.file} can no longer be watched: changes are taken up at the next start`),
  );
  // Between its being read and the watch it may have changed.
  callOff = time.after(quiet, read);
  return () => {
    callOff();
    watcher.close();
  };
}
