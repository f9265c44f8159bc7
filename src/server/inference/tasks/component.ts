import { randomUUID } from "node:crypto";
import type { Quotas } from "../../core/access/quotas.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { clockGuard } from "../../core/clock-guard.ts";
import type { Random } from "../../core/ids.ts";
import type { Component } from "../../core/lifecycle.ts";
import { dayMilliseconds } from "../../core/store/usage.ts";
import { BatchWork, fileLifetime } from "./batch-work.ts";
import { Batches } from "./batches.ts";
import type { CallTask } from "./call-task.ts";
import { Files } from "./files.ts";
import { Tasks } from "./single-tasks.ts";
import { TaskQueue } from "./task-queue.ts";

/** Milliseconds after which an upload that never ended is deleted. */
const longestUpload = 60 * 60_000;
/** Milliseconds for which tasks by themselves are kept after their end. */
const taskLifetime = 7 * dayMilliseconds;
/** Steps of one run of the upkeep, and milliseconds between two of them. */
const mostSteps = 500;
const betweenSteps = 10;

export interface TaskServicesOptions {
  catalogue: Catalogue;
  quotas: Quotas;
  callTask: CallTask;
  /** The id of this server among those on the database; undefined if it has it for itself. */
  nodeId: (() => string | undefined) | undefined;
  /** The longest delays of the queue, in milliseconds. */
  longest: number | undefined;
  requestId(): string;
  now(): number;
  elapsed(): number;
  random: Random;
  onError(error: unknown): void;
}

/** The files, the batches and the queue of inference tasks. */
export interface TaskServices {
  files: Files;
  batches: Batches;
  single: Tasks;
  queue: TaskQueue;
  /** Deletes what is over, but nothing for an hour after a jump of the clock. The work of one run, for a timer. */
  prune(): Promise<void>;
}

/** Makes the parts of inference tasks. Nothing runs before the queue starts. */
export function taskServices(options: TaskServicesOptions): TaskServices {
  const { catalogue, quotas, callTask, nodeId, longest, requestId, now, elapsed, random, onError } = options;
  const process = randomUUID();
  const queue = new TaskQueue({
    catalogue,
    callTask,
    work: new BatchWork({ catalogue, now, random }),
    requestId,
    now,
    elapsed,
    runner: nodeId ?? (() => process),
    ...(longest !== undefined && { longest }),
    onError,
  });
  const files = new Files({ catalogue, quotas, now, random });
  const batches = new Batches({ catalogue, quotas, files, now, random, onWork: () => queue.wake() });
  const single = new Tasks({
    catalogue,
    quotas,
    now,
    random,
    onWork: () => queue.wake(),
    abort: (id) => queue.abort(id),
    liveOf: (id) => queue.liveOf(id),
  });
  const isClockRight = clockGuard({ now, elapsed });
  let isPruning = false;
  const prune = async () => {
    if (!isClockRight() || isPruning) return;
    isPruning = true;
    try {
      for (let step = 0; step < mostSteps; step++) {
        const ended = now() - Math.max(taskLifetime, fileLifetime);
        if (!(await catalogue.store.pruneTasks(now(), now() - longestUpload, ended))) return;
        await Bun.sleep(betweenSteps);
      }
    } finally {
      isPruning = false;
    }
  };
  return { files, batches, single, queue, prune };
}

/** A component that runs tasks from its start until it drains. */
export function taskQueueComponent(queue: TaskQueue): Component {
  return {
    name: "tasks",
    start: () => queue.start(),
    drain: () => queue.drain(),
    close: () => queue.close(),
  };
}
