import { AppError } from "../../../errors.ts";
import type { Log } from "../../../log.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { describeExit } from "../../../processes/process-group.ts";
import type { Time } from "../../../time.ts";
import type { ProviderConfig } from "../../core/config.ts";
import type { Runtime, RuntimeReport, RuntimeState } from "../../core/provider.ts";
import { type Environment, extraArgsFaults, findExecutable } from "./command.ts";
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
import {
  brokenOff,
  cancelled,
  forCallers,
  messageOf,
  withCause,
  withOutput,
  withReason,
} from "./failures.ts";
import { type IdleLadder, idleLadder } from "./idle.ts";
import { StartProgress } from "./phases.ts";
import { warmUp, whyNotReady } from "./warm-up.ts";

export interface ManagedVllmDeps {
  /** `~/.mcpctl`; the state and the output of each vLLM are in `vllm/` there. */
  home: string;
  /** The agent's environment, of which vLLM gets what it needs. */
  env: Environment;
  /** How vLLM is called: `createOutbound()`. */
  send: Outbound;
  /** For idleness, cool-down and what `describe` tells. */
  time: Time;
  /** The owner's. */
  log: Pick<Log, "info" | "warn" | "error">;
  /** Resolves when those of the same name before it are through, whose vLLM would else be taken for a left-over. */
  predecessor?: Promise<unknown>;
  timeouts?: Partial<VllmTimeouts>;
}

/** How long callers are sent away after a start has failed, in milliseconds. */
const coolDown = 30_000;

type Phase = "stopped" | "starting" | "ready" | "falling asleep" | "asleep" | "waking up" | "stopping";

/**
 * A vLLM that the agent starts when it is needed and ends when it is not: on a loopback port, in a process group of its
 * own, with `config.model` as the name that it serves. Idle it sleeps first, where `extraArgs` has
 * `--enable-sleep-mode`: not otherwise, since that makes vLLM serve control routes and keep a second copy of the
 * weights in the machine's memory, which is the owner's to decide. Without `idleTimeoutMinutes` it runs on.
 *
 * vLLM's own pages: https://docs.vllm.ai/en/latest/features/sleep_mode/ and https://docs.vllm.ai/en/latest/usage/security/.
 *
 * @param config of a provider of the type `vllm-managed`
 * @throws AppError `invalid_request` for a model's name or an extra argument that vLLM would take for something else
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

/** One at a time: whatever changes what runs waits for the change before it, and looks again when it begins. */
class ManagedVllm implements Runtime {
  readonly #setup: VllmSetup;
  readonly #time: Time;
  readonly #idle: IdleLadder;
  readonly #listeners = new Set<() => void>();
  #phase: Phase = "stopped";
  #since = 0;
  #engine: Engine | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #progress = new StartProgress();
  #changes: Promise<unknown> = Promise.resolve();
  #waking: Promise<void> | undefined;
  /** Ends the change that goes on, when it is to be stopped. */
  #work = new AbortController();
  #failure: { message: string; until: number } | undefined;
  /** Why it cannot be started at all. */
  #unusable: string | undefined;
  #closing: Promise<void> | undefined;
  #told: RuntimeState = "hibernating";

  constructor(setup: VllmSetup, { time, predecessor }: Pick<ManagedVllmDeps, "time" | "predecessor">) {
    this.#setup = setup;
    this.#time = time;
    if (predecessor) this.#changes = predecessor;
    this.#idle = idleLadder(setup.config.managed?.idleTimeoutMinutes, time, () => this.#onIdle());
  }

  get url(): string {
    return urlOf(this.#engine?.port ?? this.#setup.config.managed?.port ?? 0);
  }

  get state(): RuntimeState {
    if (this.#closing) return "inactive";
    if (this.#waking) return "waking";
    if (this.#phase === "ready") return "active";
    return this.#unusable === undefined ? "hibernating" : "inactive";
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    const { signal } = this.#work;
    await this.#change(() => this.#takeOver(signal));
    this.#change(() => this.#sweep()).catch((thrown) => this.#refuse(thrown));
    if (this.#setup.config.managed?.warmup) this.#bringUp();
  }

  async wake(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.#closing) throw new AppError("unavailable", "the agent is about to stop", { retryAfter: 30 });
    if (this.#phase === "ready") return this.#idle.touch();
    const wait = (this.#failure?.until ?? 0) - this.#time.elapsed();
    if (!this.#waking && this.#failure && wait > 0)
      throw new AppError("unavailable", this.#failure.message, { retryAfter: Math.ceil(wait / 1000) });
    const gone = Promise.withResolvers<never>();
    const onAbort = () => gone.reject(cancelled());
    signal.addEventListener("abort", onAbort);
    try {
      await Promise.race([this.#bringUp(), gone.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async stop(): Promise<void> {
    this.#giveUp();
    await this.#change(() => this.#takeDown());
    this.#failure = undefined;
  }

  enter(): () => void {
    return this.#idle.enter();
  }

  describe(): RuntimeReport {
    const { state } = this;
    const seconds = Math.round((this.#time.elapsed() - this.#since) / 1000);
    const doing = this.#phase === "starting" ? this.#progress.phase : this.#phase;
    const quiet = this.#unusable ?? this.#failure?.message ?? null;
    const detail =
      this.#phase === "stopped" ? quiet : this.#phase === "ready" ? null : `${doing}, ${seconds} s`;
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
      this.#giveUp();
      await this.#change(() => this.#takeDown()).catch((thrown) =>
        this.#setup.log.error(`${this.#setup.config.name}: ${withCause(thrown)}`),
      );
    })();
    this.#tell();
    return this.#closing;
  }

  /** What goes on is ended, and who wakes it from now on waits for a start after that. */
  #giveUp(): void {
    this.#work.abort();
    this.#work = new AbortController();
    this.#waking = undefined;
  }

  #change<T>(act: () => T | Promise<T>): Promise<T> {
    const change = this.#changes.then(act);
    this.#changes = change.catch(() => {});
    return change;
  }

  /** However many ask, one of it goes on. It goes on when all of them have gone. */
  #bringUp(): Promise<void> {
    if (this.#waking) return this.#waking;
    const { signal } = this.#work;
    const waking = this.#change(() => this.#comeUp(signal)).finally(() => {
      if (this.#waking === waking) this.#waking = undefined;
      this.#tell();
    });
    waking.catch(() => {});
    this.#waking = waking;
    this.#tell();
    return waking;
  }

  async #comeUp(signal: AbortSignal): Promise<void> {
    if (this.#closing || signal.aborted) throw brokenOff();
    if (this.#phase === "ready") return;
    const asleep = this.#engine;
    if (asleep && (await this.#wokenUp(asleep, signal))) return this.#standAt("ready", asleep);
    await this.#takeDown();
    if (signal.aborted) throw brokenOff();
    this.#failure = undefined;
    this.#progress = new StartProgress();
    this.#enterPhase("starting");
    try {
      this.#unusable = undefined;
      this.#own(await startEngine(this.#setup));
    } catch (thrown) {
      this.#enterPhase("stopped");
      throw this.#refuse(thrown);
    }
    await this.#becomeReady(this.#engine!, signal);
  }

  async #becomeReady(engine: Engine, signal: AbortSignal): Promise<void> {
    const how = await warmUp(engine, this.#setup, this.#progress, signal);
    if (how === "ready") return this.#standAt("ready", engine);
    if (how === "stopped") {
      await this.#takeDown();
      throw brokenOff();
    }
    const message = await whyNotReady(how, engine, this.#setup);
    this.#tellOwner(message, engine);
    await this.#takeDown();
    this.#failure = { message, until: this.#time.elapsed() + coolDown };
    throw new AppError("unavailable", message, { retryAfter: coolDown / 1000 });
  }

  async #wokenUp(engine: Engine, signal: AbortSignal): Promise<boolean> {
    if (this.#phase !== "asleep") return false;
    this.#enterPhase("waking up");
    const isUp = await engine.api.wakeUp(this.#limited(signal)).catch(() => false);
    if (!isUp && !signal.aborted) this.#tellOwner("it cannot wake up, and is started again", engine);
    return isUp;
  }

  /** Decides and marks it in one go: a call that comes later finds it no longer ready, and waits. */
  #onIdle(): void {
    const engine = this.#engine;
    if (!engine || (this.#phase !== "ready" && this.#phase !== "asleep")) return;
    const { signal } = this.#work;
    if (this.#phase === "ready" && this.#setup.sleepMode) {
      this.#enterPhase("falling asleep");
      void this.#change(() => this.#fallAsleep(engine, signal)).catch((thrown) => this.#refuse(thrown));
    } else {
      this.#enterPhase("stopping");
      void this.#change(() => this.#takeDown()).catch((thrown) => this.#refuse(thrown));
    }
  }

  async #fallAsleep(engine: Engine, signal: AbortSignal): Promise<void> {
    if (this.#engine !== engine) return;
    if (await engine.api.sleep(this.#limited(signal)).catch(() => false))
      return this.#standAt("asleep", engine);
    if (!signal.aborted) this.#tellOwner("it cannot sleep, and is stopped instead", engine);
    await this.#takeDown();
  }

  /** Moving the weights takes no longer than a whole start may. */
  #limited(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(this.#setup.warmupSeconds * 1000)]);
  }

  /** What there is once a call was quicker is its own. */
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
      this.#standAt(sleeps ? "asleep" : "ready", engine);
    } catch (thrown) {
      this.#refuse(thrown);
      this.#tell();
    }
  }

  /** The owner is told all; callers are not told what is where on this machine. */
  #refuse(thrown: unknown): AppError {
    const message = messageOf(thrown);
    this.#setup.log.error(`${this.#setup.config.name}: ${withCause(thrown)}`);
    if (!(thrown instanceof AppError)) this.#failure = { message: "vLLM cannot be started", until: 0 };
    else if (thrown.code !== "not_supported") this.#failure = { message, until: 0 };
    else this.#unusable = message;
    return forCallers(thrown);
  }

  #own(engine: Engine): void {
    this.#engine = engine;
    void engine.group.exited.then((exit) => this.#lose(engine, `vLLM ended with ${describeExit(exit)}`));
    const { signal } = this.#work;
    this.#watch = setInterval(async () => {
      engine.output.trim();
      // Only a clear word counts: one that is busy may take long to answer.
      const status = await engine.api.health(signal).catch(() => undefined);
      if (status === 503) this.#lose(engine, "the engine of vLLM is dead");
    }, this.#setup.timeouts.watch);
    this.#watch.unref();
  }

  /** It was well, and is not. While it starts or stops, that is noticed there. */
  #lose(engine: Engine, what: string): void {
    if (this.#engine !== engine || (this.#phase !== "ready" && this.#phase !== "asleep")) return;
    const message = withReason(what, engine.output);
    this.#failure = { message, until: 0 };
    this.#tellOwner(message, engine);
    this.#enterPhase("stopping");
    void this.#change(() => this.#takeDown()).catch((thrown) => this.#refuse(thrown));
  }

  #standAt(phase: "ready" | "asleep", engine: Engine): void {
    this.#enterPhase(phase);
    if (engine.group.hasExited)
      void engine.group.exited.then((exit) => this.#lose(engine, `vLLM ended with ${describeExit(exit)}`));
  }

  async #takeDown(): Promise<void> {
    const engine = this.#engine;
    if (engine) {
      this.#enterPhase("stopping");
      clearInterval(this.#watch);
      // What cannot be ended now is noted, and tried again before the next start.
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
    this.#tell();
  }

  #tell(): void {
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    for (const listener of this.#listeners) listener();
  }

  #tellOwner(message: string, { output }: Engine): void {
    const { config, log, outputPath } = this.#setup;
    log.error(`${config.name}: ${withOutput(message, output, outputPath)}`);
  }
}
