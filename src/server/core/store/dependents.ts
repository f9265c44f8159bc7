import { type SQL, sql } from "drizzle-orm";
import { TurnPace } from "../../../wire/next-turn.ts";
import { buried, buriedRows } from "./buried-rows.ts";

/** Something that is deleted soon: a row of the catalogue, a thread, or the things of a user. */
export type Doomed =
  | { kind: string; id: string }
  | { op: "deleteThreadsOf"; userId: string }
  | { op: "deleteTasksOf"; userId: string; tokenId?: string };

/** The part of the store for rows of large tables that belong to a row of the catalogue. */
export interface DependentQueries {
  /**
   * Deletes the rows of large tables that go away with something, some at a time: one statement for all of them would hold up
   * all calls (T362). What is added meanwhile stays.
   */
  deleteDependents(doomed: Doomed): Promise<void>;
  /** Deletes the buried rows, each after the large things that refer to it. */
  deleteBuried(): Promise<void>;
}

/** Rows, and large parts of rows, that one statement deletes. */
const rowsOfStep = 100;
const partsOfStep = 8;

/** A table whose rows have large parts in another one. */
interface LargeTable {
  name: SQL;
  key: SQL;
  parts?: { name: SQL; key: SQL; most: number };
}

function partsIn(name: SQL, key: SQL, most: number): LargeTable["parts"] {
  return { name, key, most };
}

const threads: LargeTable = {
  ...{ name: sql`threads`, key: sql`id` },
  parts: partsIn(sql`thread_messages`, sql`thread_id`, rowsOfStep),
};
const tasks: LargeTable = {
  ...{ name: sql`inference_tasks`, key: sql`id` },
  parts: partsIn(sql`inference_task_parts`, sql`task_id`, partsOfStep),
};
const files: LargeTable = {
  ...{ name: sql`stored_files`, key: sql`id` },
  parts: partsIn(sql`stored_file_parts`, sql`file_id`, partsOfStep),
};
const batches: LargeTable = { name: sql`inference_batches`, key: sql`id` };
const objects: LargeTable = { name: sql`provider_objects`, key: sql`owner_id, id` };

/** True for a kind of which large things go away with a row. Such a row is buried first. */
export function hasLargeDependents(kind: string): boolean {
  return rowsWith({ kind, id: "" }).length > 0;
}

/** Returns the rows that go away with something, as tables with a condition each. */
function rowsWith(doomed: Doomed): [LargeTable, SQL][] {
  if (!("op" in doomed)) {
    const { kind, id } = doomed;
    const own = sql`owner_id = ${id}`;
    if (kind === "user") return [tasks, batches, files, threads, objects].map(of(own));
    if (kind === "token" || kind === "grant") return [[objects, own]];
    if (kind === "agent") return [[threads, sql`agent_id = ${id}`]];
    if (kind === "thread") return [[threads, sql`id = ${id}`]];
    return kind === "llm" ? [[objects, sql`llm_id = ${id}`]] : [];
  }
  const own = sql`owner_id = ${doomed.userId}`;
  if (doomed.op === "deleteThreadsOf") return [[threads, own]];
  const { tokenId } = doomed;
  return [tasks, batches, files].map(of(tokenId === undefined ? own : sql`${own} and token_id = ${tokenId}`));
}

function of(condition: SQL): (table: LargeTable) => [LargeTable, SQL] {
  return (table) => [table, condition];
}

/** @param write runs a statement in a transaction, and returns its rows */
export function dependentQueries(write: (query: SQL) => Promise<readonly unknown[]>): DependentQueries {
  const queries: DependentQueries = {
    async deleteDependents(doomed) {
      const pace = new TurnPace();
      /** Runs a statement once it has its turn. Returns true if it has deleted as much as it may. */
      const isMoreAfter = async (statement: SQL, most: number) => {
        const pause = pace.pause();
        if (pause) await pause;
        return (await write(statement)).length === most;
      };
      for (const [{ name, key, parts }, condition] of rowsWith(doomed)) {
        const some = sql`select ${key} from ${name} where ${condition} limit ${rowsOfStep}`;
        const deleteRows = sql`delete from ${name} where (${key}) in (${some}) returning id`;
        const deleteParts =
          parts &&
          sql`delete from ${parts.name} where (${parts.key}, seq) in (
            select ${parts.key}, seq from ${parts.name} where ${parts.key} in (${some}) limit ${parts.most})
            returning seq`;
        do {
          if (deleteParts) while (await isMoreAfter(deleteParts, parts.most));
        } while (await isMoreAfter(deleteRows, rowsOfStep));
      }
    },
    async deleteBuried() {
      for (const row of (await write(buriedRows)) as { kind: string; id: string }[]) {
        await queries.deleteDependents(row);
        await write(sql`delete from resources where id = ${row.id} and kind = ${buried}`);
      }
    },
  };
  return queries;
}
