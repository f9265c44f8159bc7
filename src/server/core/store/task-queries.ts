import { type SQL, sql } from "drizzle-orm";
import { nextTurn } from "../../../wire/next-turn.ts";
import type { WriteCondition } from "./conditions.ts";
import { dependentQueries } from "./dependents.ts";
import { storable } from "./storable.ts";
import {
  batchColumns,
  type FoundTaskRow,
  factColumns,
  fileColumns,
  taskColumns,
  typed,
  values,
} from "./task-columns.ts";
import type {
  BatchState,
  InferenceBatch,
  InferenceTask,
  OwnedBy,
  Page,
  StoredFile,
  TaskFacts,
  TaskSource,
  TaskState,
  TaskStore,
} from "./task-store.ts";

/** The access of the queries to one dialect of the database. The statements are the same in both. */
export interface TaskDatabase {
  read(query: SQL): Promise<FoundTaskRow[]>;
  /** Runs a statement in a transaction, if conditions hold there. */
  writeIf(conditions: readonly WriteCondition[], query: SQL): Promise<void>;
  /** Runs statements in one transaction. Returns the rows of the last one. */
  write(...queries: readonly SQL[]): Promise<FoundTaskRow[]>;
  /** Is appended to the choice of a row that is then changed: others do not wait for it. */
  skipLocked: SQL;
  /** The condition for a server that is alive by its lease. */
  hasLease(runner: SQL): SQL;
}

/** Rows of one insert: 200 would hold the event loop for 30 ms (T262). */
const rowsOfInsert = 50;

/** The most rows that are deleted, or changed, in one statement: on SQLite it holds up all calls (T262). */
const rowsOfStep = 100;
const rowsOfChange = 500;
const partsOfStep = 8;
/** Rows that are read, or added up, in one turn. */
const rowsOfPage = 1000;
const rowsOfSum = 5000;
/** Bytes that a task takes besides its texts. */
const bytesOfTask = 4096;

const states: readonly TaskState[] = ["pending", "running", "completed", "failed", "cancelled", "expired"];

const all = sql`1 = 1`;

function of({ ownerId, tokenId }: Partial<OwnedBy>): SQL {
  const owned = ownerId === undefined ? all : sql`owner_id = ${ownerId}`;
  return tokenId === undefined ? owned : sql`${owned} and token_id = ${tokenId}`;
}

/** Returns the end of a query for a page. Ids sort by time. */
function page({ after, limit, isAscending = false }: Page): SQL {
  const behind =
    after === undefined ? sql`` : isAscending ? sql` and id > ${after}` : sql` and id < ${after}`;
  return sql`${behind} order by id ${isAscending ? sql`asc` : sql`desc`} limit ${limit}`;
}

function among(states: readonly string[]): SQL {
  return sql.join(
    states.map((state) => sql`${state}`),
    sql`, `,
  );
}

function sourceIs(source: TaskSource): SQL {
  if ("batchId" in source) return sql`batch_id = ${source.batchId}`;
  const { ownerId, tokenId, llm } = source;
  return sql`batch_id is null and owner_id = ${ownerId} and token_id = ${tokenId} and llm = ${llm}`;
}

/** The part of the store for inference tasks, their batches and their files, in either dialect. */
export function taskQueries({ read, write, writeIf, skipLocked, hasLease }: TaskDatabase): TaskStore {
  const some = async <T>(query: SQL) => (await read(query)).map((row) => typed<T>(row));
  /** Reads a page of a list, of which thousands of rows are read some at a time (T363). */
  const pageOf = async <T extends { id: string }>(query: SQL, { limit, ...rest }: Page) => {
    const rows: T[] = [];
    for (;;) {
      const most = Math.min(limit - rows.length, rowsOfPage);
      const after = rows.at(-1)?.id ?? rest.after;
      const next = { ...rest, limit: most, ...(after !== undefined && { after }) };
      const found = await some<T>(sql`${query} ${page(next)}`);
      rows.push(...found);
      if (found.length < most || rows.length === limit) return rows;
      await nextTurn();
    }
  };
  const one = async <T>(query: SQL) => (await some<T>(query))[0] ?? null;
  const done = async (...queries: SQL[]) => void (await write(...queries));
  const isDone = async (query: SQL) => (await write(query)).length > 0;
  /** Changes all tasks that wait and meet a condition, some at a time. */
  const changePending = async (set: SQL, condition: SQL) => {
    const found = sql`select id from inference_tasks
      where ${condition} and state = 'pending' limit ${rowsOfChange}`;
    for (;;) {
      const changed = await write(sql`
        update inference_tasks set ${set} where id in (${found}) and state = 'pending' returning id`);
      if (changed.length < rowsOfChange) return;
      await nextTurn();
    }
  };

  return {
    ...dependentQueries(write),
    addFile(file, ...conditions) {
      const { names, values: row } = values(fileColumns.names, { ...file, name: storable(file.name) });
      return writeIf(conditions, sql`insert into stored_files (${names}) values (${row})`);
    },
    addFilePart: (fileId, seq, content) =>
      done(sql`insert into stored_file_parts (file_id, seq, content) values (${fileId}, ${seq}, ${content})`),
    completeFile: (id, bytes, expiresAt) =>
      isDone(sql`update stored_files set ${values(fileColumns.names, { state: "processed", bytes, expiresAt }).set}
        where id = ${id} and state = 'uploading' returning id`),
    file: (id) => one<StoredFile>(sql`select ${fileColumns.selected} from stored_files where id = ${id}`),
    files(owner, { purpose, ...rest }) {
      const kind = purpose === undefined ? all : sql`purpose = ${purpose}`;
      return pageOf<StoredFile>(
        sql`select ${fileColumns.selected} from stored_files
          where ${of(owner)} and state = 'processed' and ${kind}`,
        rest,
      );
    },
    async filePart(fileId, seq) {
      const part = await one<{ content: string }>(
        sql`select content from stored_file_parts where file_id = ${fileId} and seq = ${seq}`,
      );
      return part?.content ?? null;
    },
    deleteFile: (id) => done(sql`update stored_files set state = 'deleted' where id = ${id}`),
    async fileUse(ownerId) {
      const use = await one<{ files: number; bytes: number }>(sql`
        select count(*) as files, coalesce(sum(bytes), 0) as bytes from stored_files
        where owner_id = ${ownerId} and state <> 'deleted'`);
      return use!;
    },

    addBatch(batch, ...conditions) {
      const { names, values: row } = values(batchColumns.names, batch);
      return writeIf(conditions, sql`insert into inference_batches (${names}) values (${row})`);
    },
    batch: (id) =>
      one<InferenceBatch>(sql`select ${batchColumns.selected} from inference_batches where id = ${id}`),
    batches(owner, { form, ...rest }) {
      const kind = form === undefined ? all : sql`form = ${form}`;
      return pageOf<InferenceBatch>(
        sql`select ${batchColumns.selected} from inference_batches where ${of(owner)} and ${kind}`,
        rest,
      );
    },
    openBatches: () =>
      some<InferenceBatch>(sql`
        select ${batchColumns.selected} from inference_batches
        where state in ('validating', 'in_progress', 'finalizing', 'cancelling') order by id`),
    takeBatch: (id, runner) =>
      isDone(sql`
        update inference_batches set runner = ${runner}
        where id = ${id} and runner in ('', ${runner}) returning id`),
    changeBatch(id, from: readonly BatchState[], change, runner) {
      const { set } = values(batchColumns.names, change);
      const isHere = runner === undefined ? all : sql`runner = ${runner}`;
      return isDone(sql`
        update inference_batches set ${set}
        where id = ${id} and state in (${among(from)}) and ${isHere} returning id`);
    },

    async addTasks(tasks, ...conditions) {
      for (let at = 0; at < tasks.length; at += rowsOfInsert) {
        if (at > 0) await nextTurn();
        const rows = tasks.slice(at, at + rowsOfInsert).map((task) => values(taskColumns.names, task));
        const tuples = sql.join(
          rows.map((row) => sql`(${row.values})`),
          sql`, `,
        );
        await writeIf(
          conditions,
          sql`insert into inference_tasks (${rows[0]!.names}) values ${tuples} on conflict do nothing`,
        );
      }
    },
    task: (id) =>
      one<InferenceTask>(sql`select ${taskColumns.selected} from inference_tasks where id = ${id}`),
    taskFacts: (id) =>
      one<TaskFacts>(sql`select ${factColumns.selected} from inference_tasks where id = ${id}`),
    addTaskPart: (id, runner, seq, content) =>
      isDone(sql`
        insert into inference_task_parts (task_id, seq, content)
        select id, ${seq}, ${storable(content)} from inference_tasks
        where id = ${id} and runner = ${runner} and state = 'running'
        on conflict (task_id, seq) do update set content = excluded.content returning seq`),
    async taskPart(id, seq) {
      const part = await one<{ content: string }>(sql`
        select content from inference_task_parts where task_id = ${id} and seq = ${seq}`);
      return part?.content ?? null;
    },
    dropTaskParts: (id) => done(sql`delete from inference_task_parts where task_id = ${id}`),
    taskOfKey: (owner, key) =>
      one<TaskFacts>(sql`
        select ${factColumns.selected} from inference_tasks
        where ${of(owner)} and idempotency_key = ${key} and idempotency_key <> ''`),
    tasksAlone: (owner, rest) =>
      pageOf<TaskFacts>(
        sql`select ${factColumns.selected} from inference_tasks where ${of(owner)} and batch_id is null`,
        rest,
      ),
    async taskUse(ownerId) {
      const use = { open: 0, bytes: 0 };
      for (let after: string | null = ""; after !== null; ) {
        if (after !== "") await nextTurn();
        const sum: Record<"open" | "bytes" | "count", number> & { last: string | null } = (await one(sql`
          select coalesce(sum(is_open), 0) as open, coalesce(sum(size), 0) as bytes, count(*) as count, max(id) as last
          from (
            select id, case when state in ('pending', 'running') then 1 else 0 end as is_open,
              octet_length(request) + coalesce(octet_length(answer), 0) + ${bytesOfTask} as size
            from inference_tasks where owner_id = ${ownerId} and batch_id is null and id > ${after}
            order by id limit ${rowsOfSum}) as part`))!;
        use.open += Number(sum.open);
        use.bytes += Number(sum.bytes);
        after = Number(sum.count) < rowsOfSum ? null : sum.last;
      }
      return use;
    },
    tasksOfBatch(batchId, after, limit) {
      // The index has the state before the number: all tasks of a batch would be sorted for each page.
      const pages = states.map(
        (state) => sql`select * from (
          select ${taskColumns.selected} from inference_tasks
          where batch_id = ${batchId} and state = ${state} and seq > ${after} order by seq limit ${limit}) as page`,
      );
      return some<InferenceTask>(sql`
        select * from (${sql.join(pages, sql` union all `)}) as pages order by "seq" limit ${limit}`);
    },
    async taskCounts(batchId) {
      const rows = await some<{ state: TaskState; count: number }>(sql`
        select state, count(*) as count from inference_tasks where batch_id = ${batchId} group by state`);
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    taskSources: () =>
      some<Required<OwnedBy> & { llm: string; notBefore: number }>(sql`
        select owner_id as "ownerId", token_id as "tokenId", llm, min(not_before) as "notBefore"
        from inference_tasks where batch_id is null and state = 'pending' group by owner_id, token_id, llm`),
    async claimTask(source, runner, now) {
      const claimed = await write(sql`
        update inference_tasks set state = 'running', runner = ${runner}, attempts = attempts + 1,
          started_at = ${now}
        where id = (
          select id from inference_tasks
          where ${sourceIs(source)} and state = 'pending' and not_before <= ${now} and deadline > ${now}
          order by ${"batchId" in source ? sql`seq` : sql`priority desc, seq, id`} limit 1 ${skipLocked})
          and state = 'pending'
        returning ${taskColumns.selected}`);
      return claimed[0] ? typed<InferenceTask>(claimed[0]) : null;
    },
    endTask(id, runner, end, now) {
      const change = { ...end, ...(end.answer !== null && { answer: storable(end.answer) }) };
      const { set } = values(taskColumns.names, { ...change, runner: "", endedAt: now });
      return isDone(sql`
        update inference_tasks set ${set}
        where id = ${id} and runner = ${runner} and state = 'running' returning id`);
    },
    releaseTask: (id, runner, notBefore, counts) =>
      done(sql`
        update inference_tasks set state = 'pending', runner = '', not_before = ${notBefore},
          attempts = attempts - ${counts ? sql`0` : sql`1`}
        where id = ${id} and runner = ${runner} and state = 'running'`),
    endPending: (id, state, now) =>
      isDone(sql`
        update inference_tasks set state = ${state}, ended_at = ${now}
        where id = ${id} and state = 'pending' returning id`),
    cancelRunning: (id, now) =>
      isDone(sql`
        update inference_tasks set state = 'cancelled', runner = '', ended_at = ${now}
        where id = ${id} and state = 'running' returning id`),
    endPendingOf: (batchId, state, now) =>
      changePending(sql`state = ${state}, ended_at = ${now}`, sql`batch_id = ${batchId}`),
    failPendingOf: (source, { status, openai, anthropic }, now) =>
      changePending(
        sql`state = 'failed', ended_at = ${now}, status = ${status},
          answer = case when operation = 'messages' then ${anthropic} else ${openai} end`,
        sourceIs(source),
      ),
    expireTasks: (now) =>
      changePending(sql`state = 'expired', ended_at = ${now}`, sql`batch_id is null and deadline <= ${now}`),
    async runningTasks(runner) {
      const rows = await some<{ id: string }>(
        sql`select id from inference_tasks where runner = ${runner} and state = 'running'`,
      );
      return rows.map(({ id }) => id);
    },
    releaseLost(alive, most, answers, now) {
      const isLost = sql`runner <> '' and runner not in (${among(["", ...alive])})
        and not (${hasLease(sql`runner`)})`;
      const fail = (answer: string, condition: SQL) => sql`
        update inference_tasks set state = 'failed', runner = '', status = 500, answer = ${answer},
          ended_at = ${now}
        where state = 'running' and ${isLost} and ${condition}`;
      return done(
        fail(
          answers.inPart,
          sql`idempotent = 0 and exists (
            select 1 from inference_task_parts where task_id = inference_tasks.id)`,
        ),
        fail(answers.tooOften, sql`attempts >= ${most}`),
        sql`update inference_tasks set state = 'pending', runner = '' where state = 'running' and ${isLost}`,
        sql`update inference_batches set runner = '' where ${isLost}`,
      );
    },
    async pruneTasks(now, uploadsBefore, endedBefore) {
      const gone = [
        sql`update stored_files set state = 'deleted' where id in (
          select id from stored_files where state <> 'deleted'
            and (expires_at <= ${now} or (state = 'uploading' and created_at < ${uploadsBefore}))
          limit ${rowsOfStep})
          returning id`,
        sql`delete from stored_file_parts where (file_id, seq) in (
          select file_id, seq from stored_file_parts
          where file_id in (select id from stored_files where state = 'deleted') limit ${partsOfStep})
          returning seq`,
        sql`delete from stored_files where id in (
          select id from stored_files where state = 'deleted'
            and not exists (select 1 from stored_file_parts where file_id = stored_files.id)
          limit ${rowsOfStep})
          returning id`,
        sql`delete from inference_tasks where id in (
          select inference_tasks.id from inference_tasks
          join inference_batches on inference_batches.id = batch_id
          where inference_batches.state in ('completed', 'failed', 'cancelled', 'expired') limit ${rowsOfStep})
          returning id`,
        sql`delete from inference_task_parts where (task_id, seq) in (
          select task_id, parts.seq from inference_task_parts as parts
          join inference_tasks as tasks on tasks.id = task_id
          where tasks.ended_at < ${endedBefore} limit ${partsOfStep})
          returning seq`,
        sql`delete from inference_tasks where id in (
          select id from inference_tasks where batch_id is null and ended_at < ${endedBefore}
            and not exists (select 1 from inference_task_parts where task_id = inference_tasks.id)
          limit ${rowsOfStep})
          returning id`,
        sql`delete from inference_batches where id in (
          select id from inference_batches where ended_at < ${endedBefore}
            and not exists (select 1 from inference_tasks where batch_id = inference_batches.id)
          limit ${rowsOfStep})
          returning id`,
      ];
      let isMore = false;
      for (const statement of gone) {
        isMore = (await write(statement)).length > 0 || isMore;
        await nextTurn();
      }
      return isMore;
    },
  };
}
