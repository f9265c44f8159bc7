import { AppError } from "../../../errors.ts";
import { TurnPace } from "../../../wire/next-turn.ts";
import type { WriteCondition } from "../../core/store/conditions.ts";
import type { StoredFile, TaskStore } from "../../core/store/task-store.ts";

/** The characters of one part of a file. A part is in memory at a time. */
export const partCharacters = 256 * 1024;

type FileStore = Pick<TaskStore, "addFile" | "addFilePart" | "completeFile" | "deleteFile" | "filePart">;

/** Writes a file part by part. It exists for others once it is complete. */
export class FileWriter {
  readonly #store: FileStore;
  readonly #id: string;
  #text = "";
  #parts = 0;
  /** Bytes so far, as UTF-8. */
  bytes = 0;

  private constructor(store: FileStore, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** Begins a file, if some conditions hold. Throws StoreError. */
  static async begin(
    store: FileStore,
    file: Omit<StoredFile, "state" | "bytes">,
    ...conditions: WriteCondition[]
  ): Promise<FileWriter> {
    await store.addFile({ ...file, state: "uploading", bytes: 0 }, ...conditions);
    return new FileWriter(store, file.id);
  }

  /** Adds text. Throws StoreError. */
  async add(text: string): Promise<void> {
    this.#text += text;
    this.bytes += Buffer.byteLength(text);
    while (this.#text.length >= partCharacters) {
      // Half a surrogate pair at the end of a part could not be stored.
      const isHalf = isHighSurrogate(this.#text.charCodeAt(partCharacters - 1));
      await this.#put(this.#text.slice(0, partCharacters + (isHalf ? 1 : 0)));
    }
  }

  /**
   * Completes the file. Returns false if it was deleted meanwhile. Throws StoreError.
   *
   * @param expiresAt its end, if it is another one than at the beginning
   */
  async end(expiresAt?: number): Promise<boolean> {
    if (this.#text !== "") await this.#put(this.#text);
    return this.#store.completeFile(this.#id, this.bytes, expiresAt);
  }

  async #put(part: string): Promise<void> {
    if (part.length > this.#text.length) return;
    await this.#store.addFilePart(this.#id, this.#parts++, part);
    this.#text = this.#text.slice(part.length);
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/**
 * Yields the parts of a file, in order.
 *
 * @throws StoreError; AppError `not_found` in the end if the file was deleted meanwhile: its parts go away in steps, and what
 *   came may not be the whole (failure mode 262)
 */
export async function* partsOf(
  store: Pick<TaskStore, "file" | "filePart">,
  id: string,
): AsyncGenerator<string, void> {
  for (let seq = 0; ; seq++) {
    const part = await store.filePart(id, seq);
    if (part === null) break;
    yield part;
  }
  if ((await store.file(id))?.state !== "processed")
    throw new AppError("not_found", `file "${id}" was deleted while it was read`);
}

/** One line of a file, counted from 1; without a text if it is longer than allowed. */
export interface FileLine {
  number: number;
  text: string | undefined;
}

/** Yields the lines of a file that are not empty, in several turns of the event loop (T262). A longer one than `most` characters is never in memory as a whole. */
export async function* linesOf(parts: AsyncIterable<string>, most: number): AsyncGenerator<FileLine, void> {
  let pieces: string[] = [];
  let length = 0;
  let number = 0;
  const take = (): FileLine | undefined => {
    number++;
    const text = length > most ? undefined : pieces.join("").replace(/^\uFEFF|\r$/g, "");
    pieces = [];
    length = 0;
    return text === undefined || text.trim() !== "" ? { number, text } : undefined;
  };
  const add = (piece: string) => {
    length += piece.length;
    if (length > most) pieces = [];
    else pieces.push(piece);
  };
  const pace = new TurnPace();
  for await (const part of parts) {
    let from = 0;
    for (let end = part.indexOf("\n"); end >= 0; end = part.indexOf("\n", from)) {
      add(part.slice(from, end));
      from = end + 1;
      const line = take();
      if (line) yield line;
      const pause = pace.pause();
      if (pause) await pause;
    }
    add(part.slice(from));
  }
  if (length === 0) return;
  const last = take();
  if (last) yield last;
}
