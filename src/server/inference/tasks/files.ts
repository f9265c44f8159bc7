import { AppError } from "../../../errors.ts";
import type { FormEvent } from "../../../wire/form-stream.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import { standing } from "../../core/access/standing.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { Page, StoredFile } from "../../core/store/task-store.ts";
import { mostRequests } from "./batch-line.ts";
import { fileLifetime } from "./batch-work.ts";
import { isOwn, makerOf, ownOf, refuseImpersonation, reserveStored, stored } from "./owner.ts";
import { FileWriter, partsOf } from "./stored-text.ts";

/** The most bytes of a file. */
export const mostFileBytes = 100 * 1024 * 1024;
const megabyte = 1024 * 1024;
/** The most bytes of a short field of the form. */
const mostFieldBytes = 200;
/** The shortest and the longest life of a file, in seconds, as at OpenAI. */
const shortestLife = 3600;
const longestLife = fileLifetime / 1000;
const mostNameCharacters = 255;

const fileId = /^file_[0-9a-z]{26}$/;

export interface FilesOptions {
  catalogue: Catalogue;
  quotas: Quotas;
  now(): number;
  random: Random;
}

/** Files of users, for batches. Each is seen by the user who made it, and by nobody else (T231). */
export class Files {
  readonly #options: FilesOptions;

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  /**
   * Stores the file of a form as it comes.
   *
   * @param declared the bytes that the request says it has; undefined if it does not say
   * @throws AppError; nothing of the file is left then
   */
  async upload(
    principal: Principal,
    events: AsyncIterable<FormEvent>,
    declared: number | undefined,
  ): Promise<StoredFile> {
    refuseImpersonation(principal, "a file");
    if (declared !== undefined && declared > mostFileBytes + megabyte) throw tooLarge();
    const release = await this.#reserve(principal, declared ?? mostFileBytes);
    try {
      return await stored(this.#receive(principal, events));
    } finally {
      release();
    }
  }

  /** Returns a page of the files that a principal sees. */
  async list(principal: Principal, page: Page & { purpose?: string }): Promise<StoredFile[]> {
    if (principal.impersonator) return [];
    return stored(this.#store.files(ownOf(principal), page));
  }

  /** Returns a file. Throws AppError `not_found`. */
  async read(principal: Principal, id: string): Promise<StoredFile> {
    const file = fileId.test(id) ? await stored(this.#store.file(id)) : null;
    const isThere = file?.state === "processed" && (file.expiresAt ?? Infinity) > this.#options.now();
    if (isThere && isOwn(principal, file)) return file;
    throw new AppError("not_found", `file "${id}" not found`);
  }

  /** Returns the text of a file, in parts. */
  content({ id }: StoredFile): AsyncGenerator<string, void> {
    return partsOf(this.#store, id);
  }

  /** Deletes a file. Throws AppError `not_found`. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.read(principal, id);
    await stored(this.#store.deleteFile(id));
  }

  get #store() {
    return this.#options.catalogue.store;
  }

  #reserve(principal: Principal, size: number): Promise<() => void> {
    return this.#options.quotas.reserveCounted(
      principal,
      () => stored(this.#store.fileUse(principal.userId)),
      ({ files: count, bytes }) =>
        reserveStored(this.#options, principal, ["files", "fileMegabytes"], { count, bytes }, size),
    );
  }

  async #receive(principal: Principal, events: AsyncIterable<FormEvent>): Promise<StoredFile> {
    const { now, random } = this.#options;
    const createdAt = now();
    const id = newId("file", createdAt, random);
    const fields = new Map<string, string>();
    let name: string | undefined;
    let field = "";
    let text: FileText | undefined;
    try {
      for await (const event of events) {
        if ("bytes" in event) {
          if (field === "file" && text) await text.add(event.bytes);
          else fields.set(field, shortValue(field, fields.get(field), event.bytes));
          continue;
        }
        field = event.field.name;
        if (field !== "file") {
          fields.set(field, "");
          continue;
        }
        if (name !== undefined) throw invalid("file", "there can be one file");
        name = utf8(event.field.fileName ?? "").slice(0, mostNameCharacters) || "file.jsonl";
        const begun = { ...makerOf(principal), id, name, createdAt, purpose: "batch" as const };
        text = new FileText(
          await FileWriter.begin(
            this.#store,
            { ...begun, expiresAt: createdAt + fileLifetime },
            ...standing(principal),
          ),
        );
      }
      if (!text) throw invalid("file", "file is required");
      const purpose = fields.get("purpose");
      if (purpose !== "batch")
        throw invalid("purpose", 'purpose must be "batch": files for other purposes are not kept here');
      await text.end(createdAt + lifeOf(fields));
      const file = await this.#store.file(id);
      if (!file) throw new AppError("unavailable", "the file was deleted while it was uploaded");
      return file;
    } catch (error) {
      if (text) await this.#store.deleteFile(id).catch(() => {});
      throw error;
    }
  }
}

/** The text of a file that is being uploaded. */
class FileText {
  readonly #writer: FileWriter;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #bytes = 0;
  #lines = 0;

  constructor(writer: FileWriter) {
    this.#writer = writer;
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length;
    if (this.#bytes > mostFileBytes) throw tooLarge();
    await this.#put(() => this.#decoder.decode(bytes, { stream: true }));
  }

  async end(expiresAt: number): Promise<void> {
    await this.#put(() => this.#decoder.decode());
    if (this.#bytes === 0) throw invalid("file", "the file is empty");
    if (!(await this.#writer.end(expiresAt))) throw new AppError("unavailable", "the file was deleted");
  }

  async #put(decode: () => string): Promise<void> {
    let text: string;
    try {
      text = decode();
    } catch {
      throw invalid("file", "the file is not valid UTF-8");
    }
    if (text.includes("\0")) throw invalid("file", "the file has a byte 0, and so is no JSON Lines");
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines++;
    if (this.#lines > 2 * mostRequests)
      throw invalid("file", `the file has too many lines: a batch has at most ${mostRequests} requests`);
    await this.#writer.add(text);
  }
}

function shortValue(field: string, before: string | undefined, bytes: Uint8Array): string {
  const value = (before ?? "") + Buffer.from(bytes).toString("utf8");
  if (value.length > mostFieldBytes) throw invalid(field, `${field} is too long`);
  return value;
}

/** Returns the time for which a file is kept, in milliseconds. Throws AppError. */
function lifeOf(fields: ReadonlyMap<string, string>): number {
  const anchor = fields.get("expires_after[anchor]");
  const seconds = fields.get("expires_after[seconds]");
  if (anchor === undefined && seconds === undefined) return fileLifetime;
  if (anchor !== "created_at") throw invalid("expires_after[anchor]", 'the anchor must be "created_at"');
  const number = Number(seconds);
  if (!Number.isInteger(number) || number < shortestLife || number > longestLife)
    throw invalid("expires_after[seconds]", `seconds must be ${shortestLife} to ${longestLife}`);
  return number * 1000;
}

/** Heads of fields are read as bytes. */
function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { details: [{ path: `/${path}`, message }] });
}

function tooLarge(): AppError {
  return new AppError("payload_too_large", `the file is larger than ${mostFileBytes / megabyte} MB`);
}
