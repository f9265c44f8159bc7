import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { writePrivateFile } from "../../private-file.ts";

/** What an agent remembers of itself from one start to the next. */
export interface SessionFile {
  /** By which the server knew it last; undefined when it never did, or when it cannot be read. */
  readonly providerSessionId: string | undefined;
  /** Of this machine: the same file on another one is not the same agent. */
  readonly machineId: string;
  /** Remembers another one. When it cannot be written, it is remembered until the agent stops. */
  keep(providerSessionId: string): void;
}

interface Remembered {
  providerSessionId?: string;
  /** Made up where the machine has no id of its own. */
  machineSeed?: string;
}

/**
 * Opens `<home>/provider-session`. Nothing that stands there, or does not, keeps an agent from starting.
 *
 * @param machineIdPath where Linux keeps the machine's id; a test says another
 */
export function openSessionFile(home: string, log: Log, machineIdPath = "/etc/machine-id"): SessionFile {
  const path = join(home, "provider-session");
  const remembered = read(path, log);
  const write = () => {
    try {
      writePrivateFile(path, `${JSON.stringify(remembered)}\n`);
    } catch (error) {
      log.warn(
        `cannot write ${path} (${reasonOf(error)}): after a restart the server takes this for another agent`,
      );
    }
  };
  const own = ownId(machineIdPath);
  if (own === undefined && remembered.machineSeed === undefined) {
    remembered.machineSeed = randomUUID();
    write();
  }
  return {
    get providerSessionId() {
      return remembered.providerSessionId;
    },
    // A home that is shared between machines holds one seed for all of them: their names tell them apart.
    machineId: hashed(own ?? `${remembered.machineSeed} ${hostname()}`),
    keep(providerSessionId) {
      if (remembered.providerSessionId === providerSessionId) return;
      remembered.providerSessionId = providerSessionId;
      write();
    },
  };
}

function read(path: string, log: Log): Remembered {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) !== "ENOENT")
      log.warn(`cannot read ${path} (${codeOf(error)}): starting a new session`);
    return {};
  }
  const found: Remembered = {};
  try {
    const { providerSessionId, machineSeed } = JSON.parse(text) as Record<string, unknown>;
    if (isId(providerSessionId)) found.providerSessionId = providerSessionId;
    if (isId(machineSeed)) found.machineSeed = machineSeed;
  } catch {
    // Cut off, empty or somebody else's: what it said is not needed.
  }
  if (found.providerSessionId === undefined && found.machineSeed === undefined)
    log.warn(`${path} holds no session: starting a new one`);
  return found;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 200;
}

/** The machine's id, which is not to be told as it is (machine-id(5)); undefined where there is none. */
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
  return error instanceof AppError ? error.message : codeOf(error);
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "unknown error";
}
