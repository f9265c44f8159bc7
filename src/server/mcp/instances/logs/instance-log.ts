import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { LineSplitter } from "../../../../processes/line-splitter.ts";
import { redact } from "../../../core/redact.ts";
import { secretForms } from "../../../core/secret-forms.ts";
import { encodeLine, type LogLine, type LogStream } from "./log-line.ts";

export interface InstanceLogOptions {
  /** The file. The one before it has `.1` at its end. Without a file, followers alone get the lines. */
  path: string | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** The size in bytes at which a new file begins; 10 MB if not given. */
  maxBytes?: number;
}

/** Longer lines are cut. Characters. */
const maxLine = 8192;
/** Milliseconds in which lines are gathered and then written together. */
const gatherTime = 100;
/** The most characters and lines that are written for each such time; a program that writes more floods the disk. */
const maxGathered = 1024 * 1024;
const maxGatheredLines = 5000;
/** The last lines of stderr that are kept in memory: a reason, and the stack or the usage behind it. */
const keptLines = 60;
/** Characters of each. */
const keptLength = 1000;

/** The log of one instance: what its program writes to stderr, and what happens to it. Values of secrets are not in it. */
export class InstanceLog {
  readonly #options: InstanceLogOptions;
  readonly #listeners = new Set<(line: LogLine) => void>();
  #secrets: string[] = [];
  #splitter = stderrLines();
  #run = "0";
  #last: string[] = [];
  #gathered = "";
  #gatheredLines = 0;
  #leftOut = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #file: { descriptor: number; bytes: number } | undefined;

  constructor(options: InstanceLogOptions) {
    this.#options = options;
  }

  /** Begins the log of a new run of the program. */
  begin(): void {
    const now = this.#options.now();
    // Two runs never have the same one, and it sorts by time.
    this.#run = Math.max(now, Number.parseInt(this.#run, 36) + 1).toString(36);
    this.#last = [];
    this.#splitter = stderrLines();
  }

  /** Leaves these values out of all lines from now on. */
  hide(secrets: readonly string[]): void {
    this.#secrets = [...new Set(secrets.flatMap(secretForms))];
  }

  /** Returns a text without the values of secrets. */
  redacted(text: string): string {
    let plain = redact(text, undefined);
    for (const secret of this.#secrets) plain = redact(plain, secret);
    return plain;
  }

  /** Takes bytes of stderr, cut anywhere. */
  stderr(bytes: Uint8Array): void {
    for (const line of this.#splitter.push(bytes)) this.#stderrLine(line);
  }

  /** Takes the last line of stderr, which may have no end. */
  endStderr(): void {
    this.#stderrLine(this.#splitter.end());
  }

  /** Takes a line that mcpctl says about the instance, or one of stdout. */
  line(text: string, stream: LogStream = "mcpctl"): void {
    this.#add(text, stream);
  }

  /** The last lines of stderr of this run. */
  get lastLines(): readonly string[] {
    return this.#last.map((text) => this.redacted(text).slice(0, keptLength));
  }

  /** Calls a function with each new line. Returns a function that ends this. */
  subscribe(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes what is gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#gathered;
    this.#gathered = "";
    this.#gatheredLines = 0;
    if (text !== "") this.#write(text);
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    if (leftOut > 0) this.#add(`${leftOut} lines came too fast and were left out`, "mcpctl");
  }

  close(): void {
    this.flush();
    if (this.#file) closeSync(this.#file.descriptor);
    this.#file = undefined;
    clearTimeout(this.#timer);
  }

  #stderrLine(raw: string): void {
    if (raw.trim() === "") return;
    this.#last.push(raw.slice(0, maxLine));
    if (this.#last.length > keptLines) this.#last.shift();
    this.#add(raw, "stderr");
  }

  #add(raw: string, stream: LogStream): void {
    // Before its secrets are looked for, which takes longest.
    if (this.#gathered.length > maxGathered || this.#gatheredLines >= maxGatheredLines) {
      this.#leftOut++;
      return;
    }
    const at = new Date(this.#options.now()).toISOString();
    const text = this.redacted(raw.slice(0, maxLine)).replace(/[\r\n]+/g, " ");
    const line = { at, run: this.#run, stream, text };
    this.#gathered += encodeLine(line);
    this.#gatheredLines++;
    this.#timer ??= setTimeout(() => this.flush(), gatherTime);
    for (const listener of this.#listeners) listener(line);
  }

  /** A log that cannot be written must not keep a server from running. */
  #write(text: string): void {
    const { path, maxBytes = 10_000_000 } = this.#options;
    if (path === undefined) return;
    try {
      const file = this.#opened(path);
      const bytes = Buffer.from(text);
      for (let from = 0; from < bytes.length; ) from += writeSync(file.descriptor, bytes, from);
      file.bytes += bytes.length;
      if (file.bytes < maxBytes) return;
      closeSync(file.descriptor);
      this.#file = undefined;
      renameSync(path, `${path}.1`);
    } catch {
      this.#file = undefined;
    }
  }

  #opened(path: string): { descriptor: number; bytes: number } {
    if (this.#file) return this.#file;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    this.#file = { descriptor, bytes: fstatSync(descriptor).size };
    return this.#file;
  }
}

function stderrLines(): LineSplitter {
  return new LineSplitter({ separator: /\r?\n|\r/, longest: maxLine });
}
