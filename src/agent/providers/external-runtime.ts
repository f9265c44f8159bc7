import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Time } from "../../time.ts";
import type { ProviderConfig } from "../core/config.ts";
import type { Runtime, RuntimeReport, RuntimeState } from "../core/provider.ts";
import { HealthProbe, type HealthReport, isPublicProvider } from "./health-probe.ts";
import { Waker } from "./wake.ts";
import { wakeByCommand } from "./wake-command.ts";
import { wakeByCall } from "./wake-http.ts";

/** Milliseconds between two checks of an own server, and of a public provider. */
const checkEvery = { own: 10_000, public: 60_000 };
/** A server that has missed one check is checked again after so many milliseconds, before it counts as down. */
const recheckMs = 1_000;

export interface ExternalDeps {
  outbound: Outbound;
  /** Returns the provider's key. Throws AppError when it cannot be read. */
  apiKey(): string | undefined;
  /** The environment of wake commands. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** `~/.mcpctl`. */
  home: string;
  log: Log;
  time: Time;
}

/** A server that the agent does not run. It is checked every 10 s, and woken if there is a recipe. */
export class ExternalRuntime implements Runtime {
  readonly url: string;
  readonly #config: ProviderConfig;
  readonly #deps: ExternalDeps;
  readonly #probe: HealthProbe;
  readonly #waker: Waker | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #closed = new AbortController();
  #report: HealthReport = { canBeCalled: false, fault: "not checked yet" };
  #missedOnce = false;
  #probing: Promise<HealthReport> | undefined;
  #checking: Promise<void> | undefined;
  #cancelCheck = () => {};
  /** The summary that listeners have seen last. */
  #lastSummary = "";

  /** @param config of any type but `vllm-managed` */
  constructor(config: ProviderConfig, deps: ExternalDeps) {
    this.url = config.url!;
    this.#config = config;
    this.#deps = deps;
    this.#probe = new HealthProbe(deps.outbound, config, deps.apiKey);
    this.#waker = config.wake && this.#wakerFor(config.wake);
    this.#lastSummary = this.#summary();
  }

  get state(): RuntimeState {
    if (this.#waker?.waking !== undefined) return "waking";
    if (isUsable(this.#report)) return "active";
    return this.#waker ? "hibernating" : "inactive";
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    await this.check();
  }

  /** Checks the server now. Failed calls ask for this; calls at the same time share one check. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const report = await this.#runProbe();
    if (this.#closed.signal.aborted) return;
    // A busy server may miss one check; a server that has ended misses the next one too.
    const mayBeBusy = isUsable(this.#report) && !report.canBeCalled && !this.#missedOnce;
    this.#missedOnce = mayBeBusy;
    if (!mayBeBusy) this.#take(report);
    const usual = isPublicProvider(this.#config) ? checkEvery.public : checkEvery.own;
    this.#cancelCheck();
    this.#cancelCheck = this.#deps.time.after(mayBeBusy ? recheckMs : usual, () => void this.check());
  }

  async wake(signal: AbortSignal): Promise<void> {
    if (this.#waker?.waking === undefined && !this.#waker?.coolingDown) {
      const report = await this.#runProbe();
      this.#take(report);
      if (isUsable(report)) return;
      if (!this.#waker)
        throw new AppError("unavailable", `the model cannot be called: ${report.fault}`, { retryAfter: 10 });
    }
    await this.#waker.wake(signal);
  }

  async stop(): Promise<void> {
    throw new AppError(
      "not_supported",
      `the agent does not run "${this.#config.name}", so it cannot stop it`,
    );
  }

  enter(): () => void {
    return () => {};
  }

  describe(): RuntimeReport {
    const { resident } = this.#report;
    const report: RuntimeReport = { state: this.state, detail: this.#detail() };
    if (this.state === "active" && resident !== undefined) report.resident = resident;
    return report;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#cancelCheck();
    await this.#waker?.close();
  }

  #detail(): string | null {
    const { state } = this;
    if (state === "waking") return `for ${Math.round((this.#waker?.waking ?? 0) / 1000)} s`;
    if (state === "active") return null;
    const failure = this.#waker?.failure;
    return failure ? `the last wake failed: ${failure}` : (this.#report.fault ?? null);
  }

  /** Runs the probe; calls at the same time share one run. */
  #runProbe(): Promise<HealthReport> {
    this.#probing ??= this.#probe.check(this.#closed.signal).finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  #take(report: HealthReport): void {
    this.#report = report;
    if (isUsable(report)) this.#waker?.forgetFailure();
    this.#notify();
  }

  #notify(): void {
    const now = this.#summary();
    if (now === this.#lastSummary || this.#closed.signal.aborted) return;
    const { state } = this;
    if (!this.#lastSummary.startsWith(`${state} `)) {
      const detail = this.#detail();
      this.#deps.log.info(
        `${this.#config.name} is ${state}${detail && state !== "waking" ? `: ${detail}` : ""}`,
      );
    }
    this.#lastSummary = now;
    for (const listener of this.#listeners) listener();
  }

  /** Returns the part of the state that listeners are called for. */
  #summary(): string {
    return `${this.state} ${this.#report.resident}`;
  }

  #wakerFor(recipe: NonNullable<ProviderConfig["wake"]>): Waker {
    const { outbound, log, time } = this.#deps;
    const { name } = this.#config;
    return new Waker({
      name,
      maxWaitSeconds: recipe.maxWaitSeconds,
      begin: () =>
        recipe.type === "http"
          ? wakeByCall(outbound, recipe)
          : wakeByCommand(recipe, { name, ...this.#deps }),
      missing: async () => {
        const report = await this.#runProbe();
        // A server that responds may still be loading, or have loaded another model.
        const ready = isUsable(report) && report.listed === true;
        if (ready) this.#take(report);
        return ready ? undefined : (report.fault ?? "its list of models cannot be read");
      },
      onChange: () => this.#notify(),
      log,
      time,
    });
  }
}

function isUsable({ canBeCalled, listed }: HealthReport): boolean {
  return canBeCalled && listed !== false;
}
