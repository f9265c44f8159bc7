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

/** Milliseconds between two looks at a server, and at one of the world's. */
const lookEvery = { own: 10_000, public: 60_000 };
/** One that was missed once is looked at again after so many milliseconds, before it counts as gone. */
const secondLook = 1_000;

export interface ExternalDeps {
  outbound: Outbound;
  /** The provider's key. Throws AppError when it cannot be read. */
  apiKey(): string | undefined;
  /** For wake commands. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  log: Log;
  time: Time;
}

/** A server that somebody else runs: it is looked at every 10 s, and woken where there is a recipe. */
export class ExternalRuntime implements Runtime {
  readonly url: string;
  readonly #config: ProviderConfig;
  readonly #deps: ExternalDeps;
  readonly #probe: HealthProbe;
  readonly #waker: Waker | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #closed = new AbortController();
  #report: HealthReport = { answers: false, fault: "not looked at yet" };
  #missedOnce = false;
  #looking: Promise<HealthReport> | undefined;
  #checking: Promise<void> | undefined;
  #callOff = () => {};
  #told = "";

  /** @param config of any type but `vllm-managed` */
  constructor(config: ProviderConfig, deps: ExternalDeps) {
    this.url = config.url!;
    this.#config = config;
    this.#deps = deps;
    this.#probe = new HealthProbe(deps.outbound, config, deps.apiKey);
    this.#waker = config.wake && this.#wakerFor(config.wake);
    this.#told = this.#telling();
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

  /** Looks how it is now. Each call that met no server asks for it; those that ask at a time are told by one look. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const report = await this.#look();
    if (this.#closed.signal.aborted) return;
    // A server that is busy may miss a look; one that has closed its port misses the next as well.
    const mayBeBusy = isUsable(this.#report) && !report.answers && !this.#missedOnce;
    this.#missedOnce = mayBeBusy;
    if (!mayBeBusy) this.#see(report);
    const usual = isPublicProvider(this.#config) ? lookEvery.public : lookEvery.own;
    this.#callOff();
    this.#callOff = this.#deps.time.after(mayBeBusy ? secondLook : usual, () => void this.check());
  }

  async wake(signal: AbortSignal): Promise<void> {
    if (this.#waker?.waking === undefined && !this.#waker?.coolingDown) {
      const report = await this.#look();
      this.#see(report);
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
    this.#callOff();
    await this.#waker?.close();
  }

  #detail(): string | null {
    const { state } = this;
    if (state === "waking") return `for ${Math.round((this.#waker?.waking ?? 0) / 1000)} s`;
    if (state === "active") return null;
    const failure = this.#waker?.failure;
    return failure ? `the last wake failed: ${failure}` : (this.#report.fault ?? null);
  }

  /** However many ask at a time, one look is taken. */
  #look(): Promise<HealthReport> {
    this.#looking ??= this.#probe.look(this.#closed.signal).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #see(report: HealthReport): void {
    this.#report = report;
    if (isUsable(report)) this.#waker?.forgive();
    this.#tell();
  }

  #tell(): void {
    const now = this.#telling();
    if (now === this.#told || this.#closed.signal.aborted) return;
    const { state } = this;
    if (!this.#told.startsWith(`${state} `)) {
      const detail = this.#detail();
      this.#deps.log.info(
        `${this.#config.name} is ${state}${detail && state !== "waking" ? `: ${detail}` : ""}`,
      );
    }
    this.#told = now;
    for (const listener of this.#listeners) listener();
  }

  /** What listeners are told of when it changes. */
  #telling(): string {
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
        const report = await this.#look();
        // A server that answers may still be about to load, or have loaded something else.
        const ready = isUsable(report) && report.listed === true;
        if (ready) this.#see(report);
        return ready ? undefined : (report.fault ?? "its list of models cannot be read");
      },
      onChange: () => this.#tell(),
      log,
      time,
    });
  }
}

function isUsable({ answers, listed }: HealthReport): boolean {
  return answers && listed !== false;
}
