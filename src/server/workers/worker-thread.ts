import { AppError } from "../../errors.ts";
import { llm as llmKind } from "../../kinds/llm.ts";
import { encodeError } from "../cluster/link-messages.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isOf, type LlmRow } from "../core/store/typed-rows.ts";
import type { SealedOrigins } from "../inference/answers/sealed-origins.ts";
import type { Admission, Limiter } from "../inference/limits/limiter.ts";
import type { Audit } from "../observability/audit.ts";
import type { KeyReader } from "../secrets/secret-values.ts";
import type {
  AdmissionRequest,
  AskOfMain,
  AskOfWorker,
  MessageOfMain,
  MessageOfWorker,
  NoteOfWorker,
  Reserved,
} from "./messages.ts";
import { PendingAsks } from "./pending-asks.ts";

/** The parts of the main thread that workers use. */
export interface WorkerServices {
  catalogue: Catalogue;
  audit: Pick<Audit, "append" | "assertWorks">;
  limits: Limiter;
  secrets: KeyReader;
  sealed: SealedOrigins;
  /** Writes a line of the access log. */
  writeLine(line: string): void;
  log: { warn(text: string): void; error(text: string): void };
  /** Gets an error that a worker did not catch, after which the thread is gone. */
  onFatal(error: Error): void;
}

/** One worker, as the main thread sees it. */
export class WorkerThread {
  readonly #services: WorkerServices;
  readonly #thread: Worker;
  readonly #pending = new PendingAsks();
  readonly #admissions = new Map<number, Admission>();
  /** The revision of the worker's catalogue, and who waits for a later one. */
  #revision = 0;
  #waiting: { revision: number; resolve(): void }[] = [];
  #isGone = false;
  #isClosing = false;
  readonly #gone = Promise.withResolvers<void>();

  /** @param program the URL of the program of the thread */
  constructor(program: string, services: WorkerServices) {
    this.#services = services;
    this.#thread = new Worker(program);
    this.#thread.onmessage = ({ data }: MessageEvent<MessageOfWorker>) => this.#received(data);
    this.#thread.onerror = ({ message }) => services.onFatal(new Error(`a worker has failed: ${message}`));
    this.#thread.addEventListener("close", () => this.#left());
  }

  /** Asks the worker for something. Throws AppError. */
  ask(ask: AskOfMain): Promise<unknown> {
    const { id, answer } = this.#pending.add();
    this.post({ is: "ask", id, ask });
    return answer;
  }

  post(message: MessageOfMain): void {
    if (!this.#isGone) this.#thread.postMessage(message);
  }

  /** Resolves when the worker's catalogue has all changes up to a revision, or the worker is gone. */
  reached(revision: number): Promise<void> {
    if (this.#isGone || this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.ask({ is: "close" });
    this.#thread.terminate();
    await this.#gone.promise;
  }

  #left(): void {
    this.#isGone = true;
    if (!this.#isClosing) this.#services.onFatal(new Error("a worker has ended"));
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting = [];
    // What its calls have reserved counts as not used.
    for (const admission of this.#admissions.values()) admission.use({ tokens: 0, costMicros: 0 });
    this.#admissions.clear();
    this.#gone.resolve();
  }

  #received(message: MessageOfWorker): void {
    if (message.is === "answer") this.#pending.answered(message.id, message.value);
    else if (message.is === "failed") this.#pending.failed(message.id, message.error);
    else if (message.is === "reached") this.#reached(message.revision);
    else {
      for (const note of message.notes) this.#noted(note);
      for (const { id, ask } of message.asks) void this.#answer(id, ask);
    }
  }

  #reached(revision: number): void {
    this.#revision = revision;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.revision > revision);
    for (const one of waiting) if (one.revision <= revision) one.resolve();
  }

  async #answer(id: number, ask: AskOfWorker): Promise<void> {
    try {
      this.post({ is: "answer", id, value: await this.#asked(ask) });
    } catch (error) {
      this.post({ is: "failed", id, error: encodeError(error) });
    }
  }

  #asked(ask: AskOfWorker): unknown {
    const { audit, secrets, catalogue } = this.#services;
    switch (ask.is) {
      case "audit": {
        const { lastUsed } = catalogue.snapshot.volatile;
        for (const { tokenId, at } of ask.events) if (tokenId) lastUsed.set(tokenId, at);
        // Events of a turn share a transaction, but for the last of a thousand.
        return Promise.all(new Set(ask.events.map((event) => audit.append(event)))).then(() => undefined);
      }
      case "auditWorks":
        return audit.assertWorks();
      case "key":
        return secrets.held(ask.name, ask.key) ?? secrets.value(ask.name, ask.key);
      case "admit":
        return this.#admit(ask);
    }
  }

  #admit({ admission, principal, llmIds, ...call }: AdmissionRequest): Reserved {
    const llms = llmIds.map((id) => this.#llm(id)).filter((llm) => llm !== undefined);
    if (llms.length < llmIds.length)
      throw new AppError("unavailable", "the llm has changed", { retryAfter: 1 });
    const { promptTokens, maxTokens, choices, units } = call;
    const admitted = this.#services.limits.admit(principal, llms, promptTokens, maxTokens, choices, units);
    this.#admissions.set(admission, admitted);
    return admitted.reserved;
  }

  #noted(note: NoteOfWorker): void {
    const { limits, log, catalogue } = this.#services;
    switch (note.is) {
      case "settle": {
        this.#admissions.get(note.admission)?.use(note.used);
        this.#admissions.delete(note.admission);
        break;
      }
      case "use":
        limits.count(note.principal, note.calls, note.used);
        break;
      case "sealed":
        this.#services.sealed.add(note.llmId, note.keys);
        break;
      case "line":
        this.#services.writeLine(note.line);
        break;
      case "log":
        log[note.level](note.text);
        break;
      case "health": {
        const { snapshot } = catalogue;
        const { llmHealth } = snapshot.volatile;
        for (const [id, state] of note.states)
          if (snapshot.byId.has(id) && state.checkedAt >= (llmHealth.get(id)?.checkedAt ?? 0))
            llmHealth.set(id, state);
        break;
      }
    }
  }

  #llm(id: string): LlmRow | undefined {
    const row = this.#services.catalogue.snapshot.byId.get(id);
    return isOf(llmKind, row) ? row : undefined;
  }
}
