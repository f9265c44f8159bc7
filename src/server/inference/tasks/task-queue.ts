import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import type { Dialect } from "../../../wire/dialects/types.ts";
import { makerPrincipal } from "../../core/access/principals.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { type Clocks, clockGuard } from "../../core/clock-guard.ts";
import type {
  InferenceBatch,
  InferenceTask,
  OwnedBy,
  TaskEnd,
  TaskSource,
} from "../../core/store/task-store.ts";
import type { BatchWork } from "./batch-work.ts";
import type { CallTask } from "./call-task.ts";
import { GoneModels } from "./gone-models.ts";
import { LiveAnswer } from "./live-answer.ts";
import { mayRunModel } from "./may-run-model.ts";
import type { PartStore } from "./streamed-answer.ts";
import { absenceOf, mostAttempts } from "./task-failure.ts";
import { isUnrepeatable, outcomeOf } from "./task-outcome.ts";
import { untilStored } from "./until-stored.ts";

/** Tasks that one server runs at a time: in all, and of one model. */
const mostRunning = 16;
const mostOfModel = 4;

/** Milliseconds until a task is tried again. */
const absentDelay = 30_000;
const firstDelay = 5000;
const longestDelay = 60_000;
/** The longest delay that a limit or a provider can ask for. */
const longestRest = 600_000;
/** Milliseconds that tasks have to end when the server stops. They are run again otherwise. */
const drainTime = 5000;
/** Milliseconds between two looks for what other servers have lost. */
const lostInterval = 5000;

const lostAnswer = (message: string) =>
  JSON.stringify({ error: { message, type: "server_error", param: null, code: "internal" } });
const lostAnswers = {
  tooOften: lostAnswer(`the server ended ${mostAttempts} times while it ran this request`),
  inPart: lostAnswer(
    "the server ended while it sent the answer; the request is not sent again, because it is not idempotent",
  ),
};

/** One place from which tasks come: a batch, or the tasks of one user for one model. */
interface Source {
  key: string;
  from: TaskSource;
  maker: Required<OwnedBy>;
  llm: string;
  batch?: InferenceBatch;
}

interface Running {
  task: InferenceTask;
  source: Source;
  abort: AbortController;
  live: LiveAnswer;
  /** The state of a task whose call is aborted; undefined if it waits again, because the server stops. */
  endsAs: "cancelled" | "expired" | undefined;
  done: Promise<void>;
}

export interface TaskQueueOptions extends Clocks {
  catalogue: Catalogue;
  callTask: CallTask;
  work: BatchWork;
  requestId(): string;
  /** The id of this server among those on the database; undefined while it has no lease. */
  runner(): string | undefined;
  /** The longest delays, in milliseconds. */
  longest?: number;
  onError(error: unknown): void;
}

/**
 * Runs the tasks of the store: at most a few at a time, in turns of their users. What waits stays in the store, so that
 * it outlives the server; what a server ran when it was killed is run again (failure mode 197).
 */
export class TaskQueue {
  readonly #options: TaskQueueOptions;
  readonly #running = new Map<string, Running>();
  /** The time until which nothing is taken from a source, and how often in a row it had to wait. By the source's key. */
  readonly #resting = new Map<string, { until: number; times: number }>();
  /** Batches that are worked on as a whole. */
  readonly #working = new Map<string, Promise<void>>();
  readonly #gone = new GoneModels();
  /** A number for each user that grows with each task that is taken. */
  readonly #served = new Map<string, number>();
  #count = 0;
  #filling: Promise<void> | undefined;
  #isAgain = false;
  readonly #stopping = new AbortController();
  /** True if a claim has failed, and may be in the store even so. */
  #mayHaveStrays = false;
  /** True if nothing waits and nobody else can add anything. */
  #isIdle = false;
  #lookedForLost = Number.NEGATIVE_INFINITY;
  readonly #unsubscribe: () => void;
  readonly #isClockRight: () => boolean;

  constructor(options: TaskQueueOptions) {
    this.#options = options;
    this.#isClockRight = clockGuard(options);
    this.#unsubscribe = options.catalogue.subscribe((changes) => {
      if (changes && this.#gone.note(changes)) this.wake();
      if (this.#resting.size === 0 || changes?.every(({ kind }) => kind !== "llm")) return;
      // Maybe a workstation is back.
      for (const rest of this.#resting.values()) rest.until = 0;
      this.wake();
    });
  }

  /** Gives back what an earlier process had. Then work begins. */
  async start(): Promise<void> {
    if (!this.#store.cluster) await this.#releaseLost();
    this.wake();
  }

  /** Looks for tasks that can run. */
  wake(): void {
    this.#isIdle = false;
    this.#isAgain = true;
    this.#filling ??= this.#fillAll().finally(() => {
      this.#filling = undefined;
    });
  }

  /** The work of a timer. */
  async tick(): Promise<void> {
    if (this.#isStopping || (this.#isIdle && !this.#store.cluster)) return;
    const { now, elapsed, runner } = this.#options;
    if (this.#store.cluster && this.#lookedForLost + lostInterval <= elapsed()) {
      this.#lookedForLost = elapsed();
      await this.#releaseLost();
    }
    if (this.#isClockRight()) await this.#store.expireTasks(now());
    const id = runner();
    // Not those that begin meanwhile: the store has not named them yet.
    const running = [...this.#running.values()];
    if (running.length > 0 && id !== undefined) {
      const own = new Set(await this.#store.runningTasks(id));
      for (const { task, abort } of running) if (!own.has(task.id) && task.runner === id) abort.abort();
    }
    this.wake();
  }

  /** Returns the answer of a task that this server runs. */
  liveOf(id: string): LiveAnswer | undefined {
    return this.#running.get(id)?.live;
  }

  /** Aborts the call of a task if this server runs it. */
  abort(id: string): void {
    this.#running.get(id)?.abort.abort();
  }

  /** Takes no new task, and waits a little for those that run. */
  async drain(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, drainTime);
    await Promise.race([this.#ended(), late.promise]);
    clearTimeout(timer);
  }

  /** Ends the calls that are left. Their tasks wait for the next server. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    for (const one of this.#running.values()) {
      one.endsAs = undefined;
      one.abort.abort();
    }
    await this.#ended();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  get #store() {
    return this.#options.catalogue.store;
  }

  async #ended(): Promise<void> {
    await this.#filling;
    await Promise.all([...this.#working.values(), ...[...this.#running.values()].map(({ done }) => done)]);
  }

  #releaseLost(): Promise<void> {
    const { now, runner } = this.#options;
    const id = runner();
    return this.#store.releaseLost(id === undefined ? [] : [id], mostAttempts, lostAnswers, now());
  }

  async #fillAll(): Promise<void> {
    while (this.#isAgain && !this.#isStopping) {
      this.#isAgain = false;
      await this.#fill().catch(this.#options.onError);
    }
  }

  /** Takes tasks until enough of them run, or there are no more. */
  async #fill(): Promise<void> {
    const { now, runner } = this.#options;
    const id = runner();
    if (id === undefined) return;
    await this.#releaseStrays(id);
    const batches = await this.#store.openBatches();
    const alone = await this.#store.taskSources();
    this.#isIdle = batches.length === 0 && alone.length === 0 && this.#running.size === 0;
    const sources = new Map<string, Source>();
    for (const batch of batches) {
      if (batch.state === "in_progress" && !this.#isExpired(batch)) {
        const source = { key: batch.id, from: { batchId: batch.id }, maker: batch, llm: batch.llm, batch };
        sources.set(batch.id, source);
      } else await this.#workOn(batch, id);
    }
    for (const { notBefore, ...from } of alone) {
      const key = `${from.ownerId} ${from.tokenId} ${from.llm}`;
      if (notBefore <= now()) sources.set(key, { key, from, maker: from, llm: from.llm });
    }
    for (const source of sources.values()) await this.#failGone(source);
    for (const key of this.#resting.keys()) if (!sources.has(key)) this.#resting.delete(key);
    while (this.#running.size < mostRunning && !this.#isStopping) {
      const source = this.#next(sources);
      if (!source) return;
      this.#mayHaveStrays = true;
      const task = await this.#store.claimTask(source.from, id, now());
      this.#mayHaveStrays = false;
      if (task) this.#begin(task, source);
      else {
        sources.delete(source.key);
        if (source.batch) await this.#workOn(source.batch, id);
      }
    }
  }

  /** Fails the tasks of a source whose llm somebody has deleted. */
  async #failGone({ llm, maker, from }: Source): Promise<void> {
    const { catalogue, now } = this.#options;
    if (!this.#gone.has(llm)) return;
    const principal = makerPrincipal(catalogue.snapshot, maker.ownerId, maker.tokenId, now());
    if (!principal || mayRunModel(catalogue.snapshot, principal, llm)) return;
    const error = new AppError("not_found", `llm "${llm}" was deleted before the request was sent`);
    const body = (dialect: Dialect) => JSON.stringify(dialects[dialect].errorBody(error, ""));
    const { status } = error;
    await this.#store.failPendingOf(
      from,
      { status, openai: body("chat"), anthropic: body("messages") },
      now(),
    );
  }

  /** True if the time of a batch is over. A clock that was just set ends none. */
  #isExpired({ expiresAt }: InferenceBatch): boolean {
    return expiresAt <= this.#options.now() && this.#isClockRight();
  }

  /** Returns the source whose user was served the longest time ago, of those that can go on. */
  #next(sources: Map<string, Source>): Source | undefined {
    const { catalogue, now } = this.#options;
    const ofModel = Map.groupBy(this.#running.values(), ({ source }) => source.llm);
    const lastServed = ({ maker }: Source) => this.#served.get(maker.ownerId) ?? 0;
    const inTurn = [...sources.values()].sort((a, b) => lastServed(a) - lastServed(b));
    for (const source of inTurn) {
      if ((ofModel.get(source.llm)?.length ?? 0) >= mostOfModel) continue;
      if ((this.#resting.get(source.key)?.until ?? 0) > now()) continue;
      const { ownerId, tokenId } = source.maker;
      const principal = makerPrincipal(catalogue.snapshot, ownerId, tokenId, now());
      // What waits for a deleted llm has failed: the batch ends.
      const mayComeBack = principal && !this.#gone.has(source.llm);
      if (mayComeBack && absenceOf(catalogue.snapshot, principal, source.llm))
        this.#rest(source, absentDelay);
      else return source;
    }
    return undefined;
  }

  /** Takes nothing from a source for some time. Returns its end. */
  #rest({ key }: Source, delay?: number): number {
    const { now, longest = longestRest } = this.#options;
    const times = (this.#resting.get(key)?.times ?? 0) + 1;
    const growing = Math.min(firstDelay * 2 ** (times - 1), longestDelay);
    const until = now() + Math.min(delay ?? growing, longestRest, longest);
    this.#resting.set(key, { until, times });
    return until;
  }

  #begin(task: InferenceTask, source: Source): void {
    this.#served.set(task.ownerId, ++this.#count);
    const abort = new AbortController();
    const live = new LiveAnswer();
    const running: Running = { task, source, abort, live, endsAs: "cancelled", done: Promise.resolve() };
    this.#running.set(task.id, running);
    running.done = this.#run(running)
      .catch(this.#options.onError)
      .finally(() => {
        this.#running.delete(task.id);
        live.close("again");
        if (!this.#isStopping) this.wake();
      });
  }

  async #run(running: Running): Promise<void> {
    const { task, abort, live, source } = running;
    const { catalogue, callTask, now } = this.#options;
    const { id, runner } = task;
    const requestId = this.#options.requestId();
    const end = async (result: Omit<TaskEnd, "requestId">) => {
      await this.#stored(() => this.#store.endTask(id, runner, { ...result, requestId }, now()));
      live.close("ended");
    };
    const release = (notBefore: number, counts: boolean) =>
      this.#stored(() => this.#store.releaseTask(id, runner, notBefore, counts));
    const parts: PartStore = {
      addTaskPart: (...part) => this.#stored(() => this.#store.addTaskPart(...part)),
      dropTaskParts: (...part) => this.#stored(() => this.#store.dropTaskParts(...part)),
    };
    const call = { catalogue, callTask, requestId, signal: abort.signal, now: now(), live, parts };
    const outcome = await outcomeOf(task, call);
    if (!outcome) {
      const { endsAs } = running;
      if (endsAs) await end({ state: endsAs, status: null, answer: null });
      else if (isUnrepeatable(task, live))
        await end({ state: "failed", status: 500, answer: lostAnswers.inPart });
      else await release(now(), false);
    } else if ("end" in outcome) {
      this.#resting.delete(source.key);
      await end(outcome.end);
    } else await release(this.#rest(source, outcome.delay), outcome.counts);
  }

  /** Makes a write that must not get lost: the call was made and paid for (failure mode 251). */
  #stored<T>(write: () => Promise<T>): Promise<T> {
    return untilStored(write, this.#stopping.signal, this.#options.onError);
  }

  /** Gives back tasks that the store believes to run here: the answer to a claim got lost with its connection. */
  async #releaseStrays(runner: string): Promise<void> {
    if (!this.#mayHaveStrays) return;
    for (const id of await this.#store.runningTasks(runner))
      if (!this.#running.has(id)) await this.#store.releaseTask(id, runner, this.#options.now(), false);
    this.#mayHaveStrays = false;
  }

  /** Takes a batch a step on as a whole, if no other server does so: checks its input, or ends it. */
  async #workOn(batch: InferenceBatch, runner: string): Promise<void> {
    if (this.#working.has(batch.id)) return;
    const { work } = this.#options;
    const isExpired = this.#isExpired(batch);
    if (isExpired || batch.state === "cancelling")
      for (const one of this.#running.values()) {
        if (one.task.batchId !== batch.id) continue;
        if (batch.state !== "cancelling") one.endsAs = "expired";
        one.abort.abort();
      }
    if (!(await this.#store.takeBatch(batch.id, runner))) return;
    const working = work
      .step(batch, runner, isExpired)
      .then((hasChanged) => {
        if (hasChanged) this.#isAgain = true;
      })
      .catch(this.#options.onError)
      .finally(async () => {
        this.#working.delete(batch.id);
        if (this.#isAgain && !this.#isStopping) this.wake();
      });
    this.#working.set(batch.id, working);
  }
}
