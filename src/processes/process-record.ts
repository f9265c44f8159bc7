import { readFileSync, rmSync } from "node:fs";
import { writePrivateFile } from "../private-file.ts";
import type { ProcessIdentity, ProcessTable } from "./process-table.ts";

/**
 * A record of a process group that a program has started. The program may be killed at any moment; its next run then
 * adopts or sweeps the group.
 */
export interface ProcessRecord {
  /** Value of the marker that the processes have in their environment. */
  marker: string;
  /** The first process of the group; missing while the group is being started. */
  leader?: RecordedProcess;
  /** The program itself. */
  owner: RecordedProcess;
}

/** A process; without its start where the system does not show it. */
export interface RecordedProcess {
  pid: number;
  start?: string;
}

/** A file with one record and further details of the group. */
export interface RecordFile<Details> {
  /** Returns undefined when there is no file, or when it does not hold a record. */
  read(): (ProcessRecord & Details) | undefined;
  write(record: ProcessRecord & Details): void;
  remove(): void;
}

/**
 * Describes the file of a record. Only its owner can read it.
 *
 * @param isDetails checks the fields of a record that the caller adds
 */
export function recordFile<Details extends object>(
  path: string,
  isDetails: (fields: Readonly<Record<string, unknown>>) => boolean,
): RecordFile<Details> {
  return {
    read() {
      try {
        const found = Object(JSON.parse(readFileSync(path, "utf8")));
        return isRecord(found) && isDetails(found)
          ? (found as unknown as ProcessRecord & Details)
          : undefined;
      } catch {
        return undefined;
      }
    },
    write: (record) => writePrivateFile(path, `${JSON.stringify(record)}\n`),
    remove: () => rmSync(path, { force: true }),
  };
}

function isRecord({ marker, leader, owner }: Record<string, unknown>): boolean {
  // A shorter marker is not random enough to prove that a process belongs to this program.
  if (typeof marker !== "string" || !/^[\w-]{32,}$/.test(marker)) return false;
  return isProcess(owner) && (leader === undefined || isProcess(leader));
}

function isProcess(value: unknown): boolean {
  const { pid, start } = Object(value) as Record<string, unknown>;
  // 0 and negative numbers would mean whole groups, 1 the system itself.
  return Number.isSafeInteger(pid) && Number(pid) > 1 && (start === undefined || typeof start === "string");
}

/** Returns the entry of a process in a record. */
export function recorded(pid: number, table: ProcessTable): RecordedProcess {
  const start = table.startOf(pid);
  return start === undefined ? { pid } : { pid, start };
}

/** True if the program that wrote the record is another than this one and still runs: its group is no orphan. */
export function hasOtherOwner({ owner }: ProcessRecord, table: ProcessTable): boolean {
  return owner.pid !== process.pid && owner.start !== undefined && table.startOf(owner.pid) === owner.start;
}

/** Returns the recorded process if it is provably the same still: by its number, its start and its marker. */
export function survivor(
  { leader, marker }: ProcessRecord,
  variable: string,
  table: ProcessTable,
): ProcessIdentity | undefined {
  if (leader?.start === undefined) return undefined;
  return table
    .marked({ variable, value: marker })
    .find(({ pid, start }) => pid === leader.pid && start === leader.start);
}
