import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity, ProcessTable } from "../../../processes/process-table.ts";

/** What an agent notes of the vLLM that it starts, for the agent after it: it may be killed any moment. */
export interface Trace {
  /** What the vLLM and its children have in their environment. Random: nobody else's has it. */
  marker: string;
  port: number;
  /** Tells whether the config is still the same. */
  configHash: string;
  /** Not there between the note and the start. */
  leader?: { pid: number; start?: string };
  /** The agent's own process. */
  owner: { pid: number; start?: string };
}

/** Where that is noted. */
export interface TraceFile {
  /** Undefined when there is none that can be read. */
  read(): Trace | undefined;
  write(trace: Trace): void;
  remove(): void;
}

/** A file of the owner's alone. Its folder must be private. */
export function traceFile(path: string): TraceFile {
  return {
    read() {
      try {
        const found: unknown = JSON.parse(readFileSync(path, "utf8"));
        return isTrace(found) ? found : undefined;
      } catch {
        return undefined;
      }
    },
    write(trace) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.${process.pid}.new`;
      writeFileSync(draft, `${JSON.stringify(trace)}\n`, { mode: 0o600 });
      renameSync(draft, path);
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function isTrace(value: unknown): value is Trace {
  const { marker, port, configHash, leader, owner } = Object(value) as Record<string, unknown>;
  return (
    typeof marker === "string" &&
    // Nothing shorter is random enough to tell whose a process is.
    /^[\w-]{32,}$/.test(marker) &&
    typeof port === "number" &&
    typeof configHash === "string" &&
    isProcess(owner) &&
    (leader === undefined || isProcess(leader))
  );
}

function isProcess(value: unknown): boolean {
  const { pid, start } = Object(value) as Record<string, unknown>;
  // 0 and negative numbers would mean whole groups, 1 the system itself.
  return Number.isSafeInteger(pid) && Number(pid) > 1 && (start === undefined || typeof start === "string");
}

/** Whether the agent that has noted this still runs, and is another than this one. */
export function belongsToAnother({ owner }: Trace, table: ProcessTable): boolean {
  return owner.pid !== process.pid && owner.start !== undefined && table.startOf(owner.pid) === owner.start;
}

/** The process that was noted, when it is provably still the same: number, time of start and marker. */
export function survivor({ leader, marker }: Trace, table: ProcessTable): Identity | undefined {
  if (leader?.start === undefined) return undefined;
  return table.marked(marker).find(({ pid, start }) => pid === leader.pid && start === leader.start);
}
