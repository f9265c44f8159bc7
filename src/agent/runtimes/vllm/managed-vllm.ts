import { AppError } from "../../../errors.ts";
import type { Log } from "../../../log.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { describeExit } from "../../../processes/process-group.ts";
import { orAborted, type Time } from "../../../time.ts";
import type { ProviderConfig } from "../../core/config.ts";
import type { Runtime, RuntimeReport, RuntimeState } from "../../core/provider.ts";
import { type AgentEnvironment, extraArgsFaults, findExecutable } from "./command.ts";
import {
  adoptEngine,
  type Engine,
  startEngine,
  sweepLeftover,
  urlOf,
  type VllmSetup,
  type VllmTimeouts,
  vllmSetup,
} from "./engine.ts";
import { brokenOff, cancelled, LastFailure, withCause, withOutput, withReason } from "./failures.ts";
import { createIdleTimer, type IdleTimer } from "./idle.ts";
import { StartProgress } from "./phases.ts";
import { warmUp, whyNotReady } from "./warm-up.ts";

export interface ManagedVllmDeps {
  /** The home, `~/.mcpctl`. Records and outputs of each vLLM are in its folder `vllm/`. */
  home: string;
  /** The agent's environment. vLLM gets the variables that it needs. */
  env: AgentEnvironment;
  /** Sends the calls of vLLM: `createOutbound()`. */
  send: Outbound;
  /** The clock of idle times, of the cool-down and of `describe`. */
  time: Time;
  /** The log of the owner. */
  log: Pick<Log, "info" | "warn" | "error">;
  /** Resolves when earlier runtimes of the same name have ended. Their vLLM must not be taken for a left-over. */
  predecessor?: Promise<unknown>;
  timeouts?: Partial<VllmTimeouts>;
}

type Phase = "stopped" | "starting" | "ready" | "falling asleep" | "asleep" | "waking up" | "stopping";

/**
 * Creates a vLLM that the agent starts when it is needed and ends when it is idle. It listens on a loopback port, runs in
 * a process group of its own, and serves the name `config.model`. When it is idle it sleeps first if `extraArgs` contains
 * `--enable-sleep-mode`. The agent does not add that by itself: it makes vLLM serve control routes and keep a second copy
 * of the weights in the memory of the CPU, which the owner must decide. Without `idleTimeoutMinutes` it never stops.
 *
 * vLLM's own pages: https://docs.vllm.ai/en/latest/features/sleep_mode/ and https://docs.vllm.ai/en/latest/usage/security/.
 *
 * @param config a provider of the type `vllm-managed`
 * @throws AppError `invalid_request` for a model's name or an extra argument that would change the meaning of others
 */
export function createManagedVllm(config: ProviderConfig, deps: ManagedVllmDeps): Runtime {
  const details = extraArgsFaults(config.managed?.extraArgs ?? [], "/extraArgs");
  if (!/^[^-\0][^\0]*$/.test(config.model))
    details.push({ path: "/model", message: "must not be empty or begin with -" });
  if (details.length > 0)
    throw new AppError("invalid_request", `${config.name} cannot be managed`, { details });
  // vLLM gives its workers 9 s after SIGTERM.
  const timeouts = { grace: 20_000, kill: 10_000, poll: 500, watch: 10_000, ...deps.timeouts };
  return new ManagedVllm(vllmSetup(config, { ...deps, timeouts }), deps);
}

/** Changes its process by one change at a time: each waits for the one before, and then checks the state again. */
class ManagedVllm implements Runtime {
  readonly #setup: VllmSetup;
  readonly #time: Time;
  readonly #idle: IdleTimer;
  readonly #failure: LastFailure;
  readonly #listeners = new Set<() => void>();
  #phase: Phase = "stopped";
  #since = 0;
  #engine: Engine | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #progress = new StartProgress();
  #changes: Promise<unknown> = Promise.resolve();
  #waking: Promise<void> | undefined;
  /** Aborts the current change when it must stop. */
  #work = new AbortController();
  #closing: Promise<void> | undefined;
  /** The state that listeners have seen last. */
  #lastState: RuntimeState = "hibernating";

  constructor(setup: VllmSetup, { time, predecessor }: Pick<ManagedVllmDeps, "time" | "predecessor">) {
    this.#setup = setup;
    this.#time = time;
    this.#failure = new LastFailure(setup, time);
    if (predecessor) this.#changes = predecessor;
    this.#idle = createIdleTimer(setup.config.managed?.idleTimeoutMinutes, time, () => this.#onIdle());
  }

  get url(): string {
    return urlOf(this.#engine?.port ?? this.#setup.config.managed?.port ?? 0);
  }

  get state(): RuntimeState {
    if (this.#closing) return "inactive";
    if (this.#waking) return "waking";
    if (this.#phase === "ready") return "active";
    return this.#failure.isUnusable ? "inactive" : "hibernating";
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    const { signal } = this.#work;
    await this.#change(() => this.#takeOver(signal));
    this.#change(() => this.#sweep()).catch((thrown) => this.#failure.recordError(thrown));
    if (this.#setup.config.managed?.warmup) this.#bringUp();
  }

  async wake(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.#closing) throw new AppError("unavailable", "the agent is about to stop", { retryAfter: 30 });
    if (this.#phase === "ready") return this.#idle.touch();
    if (!this.#waking) this.#failure.refuseInCoolDown();
    await orAborted(this.#bringUp(), signal, cancelled);
  }

  async stop(): Promise<void> {
    this.#abortWork();
    await this.#change(() => this.#takeDown());
    this.#failure.forget();
  }

  enter(): () => void {
    return this.#idle.enter();
  }

  describe(): RuntimeReport {
    const { state } = this;
    const seconds = Math.round((this.#time.elapsed() - this.#since) / 1000);
    const doing = this.#phase === "starting" ? this.#progress.phase : this.#phase;
    const { message } = this.#failure;
    const detail =
      this.#phase === "stopped" ? message : this.#phase === "ready" ? null : `${doing}, ${seconds} s`;
    const resident = { ready: true, asleep: false, stopped: false }[this.#phase as string];
    return {
      state,
      detail,
      ...(this.#engine && { pid: this.#engine.group.pid }),
      ...(resident !== undefined && { resident }),
    };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#abortWork();
      await this.#change(() => this.#takeDown()).catch((thrown) =>
        this.#setup.log.error(`${this.#setup.config.name}: ${withCause(thrown)}`),
      );
    })();
    this.#notify();
    return this.#closing;
  }

  /** Aborts the current change. A later wake waits for a start after that. */
  #abortWork(): void {
    this.#work.abort();
    this.#work = new AbortController();
    this.#waking = undefined;
  }

  #change<T>(act: () => T | Promise<T>): Promise<T> {
    const change = this.#changes.then(act);
    this.#changes = change.catch(() => {});
    return change;
  }

  /** Starts or wakes it, once for any number of callers, and goes on when they have gone. */
  #bringUp(): Promise<void> {
    if (this.#waking) return this.#waking;
    const { signal } = this.#work;
    const waking = this.#change(() => this.#startOrWake(signal)).finally(() => {
      if (this.#waking === waking) this.#waking = undefined;
      this.#notify();
    });
    waking.catch(() => {});
    this.#waking = waking;
    this.#notify();
    return waking;
  }

  async #startOrWake(signal: AbortSignal): Promise<void> {
    if (this.#closing || signal.aborted) throw brokenOff();
    if (this.#phase === "ready") return;
    const asleep = this.#engine;
    if (asleep && (await this.#wakeUp(asleep, signal))) return this.#settleAt("ready", asleep);
    await this.#takeDown();
    if (signal.aborted) throw brokenOff();
    this.#failure.forget();
    this.#progress = new StartProgress();
    this.#enterPhase("starting");
    try {
      this.#failure.tryAgain();
      this.#own(await startEngine(this.#setup));
    } catch (thrown) {
      this.#enterPhase("stopped");
      throw this.#failure.recordError(thrown);
    }
    await this.#becomeReady(this.#engine!, signal);
  }

  async #becomeReady(engine: Engine, signal: AbortSignal): Promise<void> {
    const how = await warmUp(engine, this.#setup, this.#progress, signal);
    if (how === "ready") return this.#settleAt("ready", engine);
    if (how === "stopped") {
      await this.#takeDown();
      throw brokenOff();
    }
    const message = await whyNotReady(how, engine, this.#setup);
    this.#logWithOutput(message, engine);
    await this.#takeDown();
    throw this.#failure.recordStart(message);
  }

  async #wakeUp(engine: Engine, signal: AbortSignal): Promise<boolean> {
    if (this.#phase !== "asleep") return false;
    this.#enterPhase("waking up");
    const isUp = await engine.api.wakeUp(this.#limited(signal)).catch(() => false);
    if (!isUp && !signal.aborted) this.#logWithOutput("it cannot wake up, and is started again", engine);
    return isUp;
  }

  /** Leaves the state `ready` at once, so that a later call waits for the next start. */
  #onIdle(): void {
    const engine = this.#engine;
    if (!engine || (this.#phase !== "ready" && this.#phase !== "asleep")) return;
    const { signal } = this.#work;
    if (this.#phase === "ready" && this.#setup.sleepMode) {
      this.#enterPhase("falling asleep");
      void this.#change(() => this.#fallAsleep(engine, signal)).catch((thrown) =>
        this.#failure.recordError(thrown),
      );
    } else this.#stopSoon();
  }

  /** Leaves its state at once, and ends the process after the changes before. */
  #stopSoon(): void {
    this.#enterPhase("stopping");
    void this.#change(() => this.#takeDown()).catch((thrown) => this.#failure.recordError(thrown));
  }

  async #fallAsleep(engine: Engine, signal: AbortSignal): Promise<void> {
    if (this.#engine !== engine) return;
    if (await engine.api.sleep(this.#limited(signal)).catch(() => false))
      return this.#settleAt("asleep", engine);
    if (!signal.aborted) this.#logWithOutput("it cannot sleep, and is stopped instead", engine);
    await this.#takeDown();
  }

  /** Moving the weights may take as long as a whole start. */
  #limited(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(this.#setup.warmupSeconds * 1000)]);
  }

  /** Sweeps what an earlier agent has left, unless a call has already started a vLLM. */
  async #sweep(): Promise<void> {
    if (!this.#engine && !this.#closing) await sweepLeftover(this.#setup);
  }

  async #takeOver(signal: AbortSignal): Promise<void> {
    if (this.#engine || this.#closing) return;
    try {
      const engine = await adoptEngine(this.#setup, signal);
      if (!engine) return void findExecutable(this.#setup.config, this.#setup.env);
      this.#own(engine);
      const sleeps = this.#setup.sleepMode && (await engine.api.isSleeping(signal).catch(() => false));
      this.#setup.log.info(`${this.#setup.config.name}: took over the vLLM of an earlier agent`);
      this.#settleAt(sleeps ? "asleep" : "ready", engine);
    } catch (thrown) {
      this.#failure.recordError(thrown);
      this.#notify();
    }
  }

  #own(engine: Engine): void {
    this.#engine = engine;
    void engine.group.exited.then((exit) => this.#lose(engine, `vLLM ended with ${describeExit(exit)}`));
    const { signal } = this.#work;
    this.#watch = setInterval(async () => {
      engine.output.trim();
      // Only status 503 counts: a busy vLLM may respond late.
      const status = await engine.api.health(signal).catch(() => undefined);
      if (status === 503) this.#lose(engine, "the engine of vLLM is dead");
    }, this.#setup.timeouts.watch);
    this.#watch.unref();
  }

  /** Handles the end of a vLLM that was ready or asleep. During a start or a stop it is noticed there. */
  #lose(engine: Engine, what: string): void {
    if (this.#engine !== engine || (this.#phase !== "ready" && this.#phase !== "asleep")) return;
    const message = withReason(what, engine.output);
    this.#failure.record(message);
    this.#logWithOutput(message, engine);
    this.#stopSoon();
  }

  #settleAt(phase: "ready" | "asleep", engine: Engine): void {
    this.#enterPhase(phase);
    if (engine.group.hasExited)
      void engine.group.exited.then((exit) => this.#lose(engine, `vLLM ended with ${describeExit(exit)}`));
  }

  async #takeDown(): Promise<void> {
    const engine = this.#engine;
    if (engine) {
      this.#enterPhase("stopping");
      clearInterval(this.#watch);
      // A process that cannot be ended stays recorded, and is swept before the next start.
      await engine.stop().finally(() => {
        this.#engine = undefined;
        this.#enterPhase("stopped");
      });
    } else this.#enterPhase("stopped");
  }

  #enterPhase(phase: Phase): void {
    this.#phase = phase;
    this.#since = this.#time.elapsed();
    this.#idle.at(phase === "ready" || phase === "asleep" ? phase : undefined);
    this.#notify();
  }

  #notify(): void {
    const { state } = this;
    if (state === this.#lastState) return;
    this.#lastState = state;
    for (const listener of this.#listeners) listener();
  }

  #logWithOutput(message: string, { output }: Engine): void {
    const { config, log, outputPath } = this.#setup;
    log.error(`${config.name}: ${withOutput(message, output, outputPath)}`);
  }
}
