import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { HiddenValues } from "./hidden-values.ts";
import { MessageRing, type TrafficMessage } from "./message-ring.ts";

/** The part of a project's messages that is kept: none, their sizes, or their bodies, too. */
export type TrafficMode = ProjectRow["spec"]["traffic"];

/** The most bytes of a body that are kept. */
const maxBody = 64 * 1024;

/** Characters behind them that are looked at, so that a value which is cut through is masked. */
const overlap = 16 * 1024;

/** The most messages that wait for values of secrets. Those beyond have no body. */
const maxWaiting = 100;

/** A message before it has a number. */
export type NewMessage = Omit<TrafficMessage, "seq" | "body" | "isCut" | "leftOut">;

/** The messages of one project, as long as its field `traffic` wants them, in memory alone. */
export class ProjectTraffic {
  readonly ring = new MessageRing();
  readonly #hidden: HiddenValues;
  readonly #onAdded: () => void;
  readonly #followers = new Set<() => void>();
  #project: ProjectRow;
  #last = 0;
  /** Ends when all messages so far are in the ring. */
  #order: Promise<void> | undefined;
  #waiting = 0;

  /** @param onAdded is called when a message was added */
  constructor(project: ProjectRow, hidden: HiddenValues, onAdded: () => void) {
    this.#project = project;
    this.#hidden = hidden;
    this.#onAdded = onAdded;
  }

  get mode(): TrafficMode {
    return this.#project.spec.traffic;
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0;
  }

  /** Takes the project as it is now. What it does not want any more is gone at once. */
  update(project: ProjectRow): void {
    const before = this.mode;
    this.#project = project;
    if (this.mode === before) return;
    if (this.mode === "off") this.ring.clear();
    if (this.mode === "metadata") this.ring.withoutBodies();
    this.#tell();
  }

  /** Calls a function when there are new messages, or what is kept has changed. Returns a function that ends this. */
  follow(listener: () => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  /** Takes a message and its JSON. */
  record(message: NewMessage, text: string, snapshot: Snapshot): void {
    if (this.mode === "off") return;
    if (this.mode === "metadata" && !this.#order) return this.#add(message);
    // A part of the text would keep all of it in memory.
    const begin = this.mode === "full" && this.#waiting < maxWaiting ? beginOf(text) : undefined;
    this.#waiting++;
    const done = (this.#order ?? Promise.resolve())
      .then(() => this.#bodyOf(begin, snapshot))
      .then((body) => this.#add({ ...message, ...body }))
      .finally(() => {
        this.#waiting--;
        if (this.#order === done) this.#order = undefined;
      });
    this.#order = done;
  }

  async #bodyOf(
    begin: Buffer | undefined,
    snapshot: Snapshot,
  ): Promise<Pick<TrafficMessage, "body" | "isCut" | "leftOut">> {
    if (this.mode !== "full") return {};
    if (!begin) return { leftOut: "too many messages came at once" };
    const leftOut = await this.#hidden.refresh(snapshot, this.#project);
    if (leftOut !== undefined) return { leftOut };
    const body = Buffer.from(this.#hidden.mask(begin.toString()));
    if (body.length <= maxBody) return { body };
    // Not within a character.
    let end = maxBody;
    while ((body[end]! & 0xc0) === 0x80) end--;
    return { body: Buffer.from(body.subarray(0, end)), isCut: true };
  }

  #add(message: Omit<TrafficMessage, "seq">): void {
    if (this.mode === "off") return;
    this.#last = Math.max(this.#last + 1, message.at * 100);
    const { body, isCut, leftOut, ...facts } = message;
    // The project may have been changed while the message waited.
    this.ring.push({ seq: this.#last, ...(this.mode === "full" ? message : facts) });
    this.#onAdded();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#followers) listener();
  }
}

function beginOf(text: string): Buffer {
  return Buffer.from(text.slice(0, maxBody + overlap));
}
