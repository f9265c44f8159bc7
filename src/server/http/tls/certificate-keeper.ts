import { statSync } from "node:fs";
import { AppError } from "../../../errors.ts";
import type { Log } from "../../../log.ts";
import type { Gauges } from "../../core/gauges.ts";
import {
  type CertificateFiles,
  readServerCertificate,
  type ServerCertificate,
} from "./server-certificate.ts";

/** The server's certificate as callers may see it. Times are in ISO 8601. */
export interface CertificateState {
  /** DNS names and addresses that it is for. */
  names: string[];
  issuer: string;
  validFrom: string;
  expiresAt: string;
  /** True if it has expired, or should have been renewed by now. */
  isEnding: boolean;
  /** The last failure to load a newer one; null if there is none. */
  failedAt: string | null;
  reason: string | null;
}

const day = 86_400_000;
/** Milliseconds before its end in which a certificate should have been renewed. */
const soon = 14 * day;

/**
 * Returns the milliseconds before its end in which a certificate should have been renewed: 14 days, or a fifth of the life
 * of one that lives shorter. Programs renew it earlier than that, at a third.
 */
export function endingTime({ validFrom, validTo }: Pick<ServerCertificate, "validFrom" | "validTo">): number {
  return Math.min(soon, (validTo - validFrom) / 5);
}

export interface CertificateKeeperOptions {
  files: CertificateFiles;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

/** Keeps the certificate of the server: notices when its files change, and warns before it ends. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  #current: ServerCertificate;
  #marks: string;
  #failure: { at: number; reason: string; isLogged: boolean } | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #use: (certificate: ServerCertificate) => void = () => {};

  /** @throws AppError if the files cannot be used */
  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    // Before they are read: a change in between is noticed later.
    this.#marks = marksOf(options.files);
    this.#current = readServerCertificate(options.files);
    this.#warn();
  }

  get current(): ServerCertificate {
    return this.#current;
  }

  get state(): CertificateState {
    const { names, issuer, validFrom, validTo } = this.#current;
    return {
      names,
      issuer,
      validFrom: new Date(validFrom).toISOString(),
      expiresAt: new Date(validTo).toISOString(),
      isEnding: this.#isEnding,
      failedAt: this.#failure ? new Date(this.#failure.at).toISOString() : null,
      reason: this.#failure?.reason ?? null,
    };
  }

  /** @param use gets every new certificate */
  onChange(use: (certificate: ServerCertificate) => void): void {
    this.#use = use;
  }

  /** Loads the files if they have changed, and warns once a day if the certificate ends. */
  look(): void {
    const marks = marksOf(this.#options.files);
    if (marks !== this.#marks || this.#failure) this.#load(marks);
    this.#warn();
  }

  /** Loads the files, also if they seem unchanged: an administrator says that they have changed. */
  reload(): void {
    this.#load(marksOf(this.#options.files), true);
  }

  register(gauges: Gauges): void {
    gauges.gauge(
      "mcpctl_certificate_expiry_timestamp_seconds",
      "End of the server's own certificate, in seconds since 1970",
      () => Math.floor(this.#current.validTo / 1000),
    );
    gauges.gauge(
      "mcpctl_certificate_reload_failed",
      "1 if the files of the certificate have changed and cannot be used",
      () => (this.#failure ? 1 : 0),
    );
  }

  #load(marks: string, isAsked = false): void {
    const { files, log, now } = this.#options;
    try {
      const next = readServerCertificate(files);
      const isOther = next.cert !== this.#current.cert || next.key !== this.#current.key;
      if (isOther) {
        this.#use(next);
        this.#current = next;
        this.#warnedAt = Number.NEGATIVE_INFINITY;
      }
      const until = new Date(this.#current.validTo).toISOString().slice(0, 10);
      if (isOther) log.info(`new certificate, valid until ${until}`);
      else if (isAsked) log.info(`the certificate has not changed; it is valid until ${until}`);
      this.#marks = marks;
      this.#failure = undefined;
    } catch (error) {
      const reason = error instanceof AppError ? error.message : "it cannot be used";
      // A program that renews both files writes one after the other: only what stays so is a failure (failure mode 232).
      const isKnown = this.#failure?.reason === reason;
      const isLogged = isKnown || isAsked;
      if (isLogged && !this.#failure?.isLogged)
        log.error(`the new certificate is not used, the old one stays: ${reason}`);
      this.#failure = { at: isKnown ? this.#failure!.at : now(), reason, isLogged };
    }
  }

  get #isEnding(): boolean {
    return this.#current.validTo - this.#options.now() < endingTime(this.#current);
  }

  /** Warns once a day. */
  #warn(): void {
    const { now, log, files } = this.#options;
    const { validFrom, validTo } = this.#current;
    const time = now();
    if (time - this.#warnedAt < day || (!this.#isEnding && time >= validFrom)) return;
    this.#warnedAt = time;
    const until = new Date(validTo).toISOString();
    if (time >= validTo)
      log.error(`the certificate in ${files.cert} has expired (${until}): clients refuse it`);
    else if (time < validFrom)
      log.error(`the certificate in ${files.cert} is not valid before ${new Date(validFrom).toISOString()}`);
    else log.warn(`the certificate in ${files.cert} expires at ${until} and was not renewed yet`);
  }
}

/** Returns a text that changes when a file does, also behind a symbolic link; empty marks for a file that is not there. */
function marksOf({ cert, key }: CertificateFiles): string {
  return [cert, key].map(markOf).join("|");
}

function markOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [ino, size, mtimeMs, ctimeMs].join(" ");
  } catch {
    return "";
  }
}
