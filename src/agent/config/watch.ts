import { mkdirSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { readPrivateFile } from "../../private-file.ts";
import type { Time } from "../../time.ts";
import type { AgentConfig } from "../core/config.ts";
import { type ConfigPlace, faultLine, parseAgentConfig } from "./parse.ts";

/** Milliseconds without a change before the file is read: an editor writes in several steps. */
const quietMs = 150;

export interface WatchOptions {
  /** Absolute path of the file. */
  path: string;
  place: ConfigPlace;
  log: Log;
  time: Time;
  /** Called with each new config. */
  onConfig(config: AgentConfig): void;
}

/**
 * Reads the agent's config.
 *
 * @throws AppError `invalid_request` with every fault, or when the file is open to others
 */
export function readAgentConfig(path: string, place: ConfigPlace): AgentConfig {
  // The config names commands that are run, so a user who can write to it can run them.
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
 * Watches the agent's config, also when an editor replaces the file. The faults of a new version go to the log, and the
 * last valid config stays in force.
 *
 * @param first the config in force when the watch begins
 * @returns a function that ends the watch
 */
export function watchAgentConfig(first: AgentConfig, options: WatchOptions): () => void {
  const { path, place, log, time, onConfig } = options;
  let inForce = JSON.stringify(first);
  let cancelRead = () => {};
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
      log.warn(
        `${place.file} is ignored until its faults are corrected; the last valid config stays in force`,
      );
    }
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // The folder is watched: a watch of the file would end when the file is replaced.
  const watcher = watch(dirname(path), (_, name) => {
    if (name !== null && name !== basename(path)) return;
    cancelRead();
    cancelRead = time.after(quietMs, read);
  });
  watcher.on("error", () =>
    log.warn(`${place.file} can no longer be watched: changes take effect at the next start`),
  );
  // The file may have changed after it was read and before the watch began.
  cancelRead = time.after(quietMs, read);
  return () => {
    cancelRead();
    watcher.close();
  };
}
