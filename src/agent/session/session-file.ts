import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { writePrivateFile } from "../../private-file.ts";
import { reasonText, systemCodeOf } from "../../system-errors.ts";
import { isObject } from "../../wire/json.ts";
import { isOtherMachine, type MachineFacts, machineFacts } from "./machine.ts";

/** The identity that an agent keeps from one start to the next. */
export interface SessionFile {
  /** The id that the server gave last; undefined when there is none, or when the file cannot be read. */
  readonly providerSessionId: string | undefined;
  /** Id of this machine. With the same file on another machine, the agent there is another one. */
  readonly machineId: string;
  /** Keeps a new id. If it cannot be written, it is kept until the agent stops. */
  keep(providerSessionId: string): void;
}

interface Remembered {
  providerSessionId?: string;
  /** A random id for a machine without an id of its own, or with the id of the machine that it is a clone of. */
  machineSeed?: string;
  /** The machine on which the file was written. */
  machine?: MachineFacts;
}

/**
 * Opens `<home>/provider-session`. A missing or broken file does not keep an agent from starting.
 *
 * @param options.machineIdPath the file in which Linux keeps the id of the machine
 */
export function openSessionFile(
  home: string,
  log: Log,
  { machineIdPath = "/etc/machine-id", facts = machineFacts() } = {},
): SessionFile {
  const path = join(home, "provider-session");
  const remembered = read(path, log);
  const write = () => {
    try {
      writePrivateFile(path, `${JSON.stringify(remembered)}\n`);
    } catch (error) {
      log.warn(
        `cannot write ${path} (${reasonOf(error)}): after a restart the server treats this as another agent`,
      );
    }
  };
  const own = ownId(machineIdPath);
  // Without an id of the machine, the name of the host is in the id.
  const isClone = own !== undefined && remembered.machine && isOtherMachine(remembered.machine, facts);
  if (isClone) {
    log.warn(`${path} was written on another machine, or before this one was cloned: starting a new session`);
    remembered.providerSessionId = undefined;
  }
  const isNew = JSON.stringify(remembered.machine) !== JSON.stringify(facts);
  remembered.machine = facts;
  if (isClone || (own === undefined && remembered.machineSeed === undefined)) {
    remembered.machineSeed = randomUUID();
    write();
  } else if (isNew && remembered.providerSessionId !== undefined) write();
  return {
    get providerSessionId() {
      return remembered.providerSessionId;
    },
    machineId: hashed(idOf(own, remembered, facts)),
    keep(providerSessionId) {
      if (remembered.providerSessionId === providerSessionId) return;
      remembered.providerSessionId = providerSessionId;
      write();
    },
  };
}

function idOf(own: string | undefined, { machineSeed }: Remembered, { hostname }: MachineFacts): string {
  // Machines that share a home also share the seed; their host names differ.
  if (own === undefined) return `${machineSeed} ${hostname}`;
  return machineSeed === undefined ? own : `${own} ${machineSeed}`;
}

function read(path: string, log: Log): Remembered {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT")
      log.warn(`cannot read ${path} (${reasonText(error)}): starting a new session`);
    return {};
  }
  const found: Remembered = {};
  try {
    const { providerSessionId, machineSeed, machine } = JSON.parse(text) as Record<string, unknown>;
    if (isId(providerSessionId)) found.providerSessionId = providerSessionId;
    if (isId(machineSeed)) found.machineSeed = machineSeed;
    if (isFacts(machine)) found.machine = machine;
  } catch {
    // Cut off, empty or another program's: it is replaced.
  }
  if (found.providerSessionId === undefined && found.machineSeed === undefined)
    log.warn(`${path} contains no session: starting a new one`);
  return found;
}

function isFacts(value: unknown): value is MachineFacts {
  if (!isObject(value)) return false;
  const { hostname, cards } = value;
  return isId(hostname) && Array.isArray(cards) && cards.every(isId);
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 200;
}

/** Reads the id of the machine, which must not leave it unhashed (machine-id(5)); undefined where there is none. */
function ownId(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

function hashed(id: string): string {
  return createHash("sha256").update(`mcpctl agent ${id}`).digest("hex").slice(0, 32);
}

function reasonOf(error: unknown): string {
  return error instanceof AppError ? error.message : reasonText(error);
}
