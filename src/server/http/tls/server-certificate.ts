import { createPrivateKey, X509Certificate } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { certificatesIn } from "../../../certificates.ts";
import { AppError } from "../../../errors.ts";
import { plainHost } from "../../../hosts.ts";
import { reasonText } from "../../../system-errors.ts";

/** The files of the server's own certificate, as given on the command line. */
export interface CertificateFiles {
  /** The certificate, and those of the authorities between it and a root, in PEM. */
  cert: string;
  /** The private key of the certificate, in PEM. */
  key: string;
}

/** A certificate with its key, ready to be used. */
export interface ServerCertificate {
  /** In PEM. */
  cert: string;
  /** In PEM. */
  key: string;
  /** DNS names and addresses that it is for. */
  names: string[];
  /** Name of the authority that has signed it. */
  issuer: string;
  /** Milliseconds since 1970. */
  validFrom: number;
  /** Milliseconds since 1970. */
  validTo: number;
}

/** Size limit of a file, in bytes: a long chain has 10 KB. */
const largest = 256 * 1024;

/** Windows has no mode bits. */
const posix = process.platform !== "win32";

/**
 * Reads a certificate and its key, and checks that they fit. A certificate that has expired is returned.
 *
 * @throws AppError `unavailable`, which names the file, what is wrong with it, and what to do
 */
export function readServerCertificate(files: CertificateFiles): ServerCertificate {
  const chain = chainOf(readPem(files.cert, "certificate file"), files.cert);
  const leaf = new X509Certificate(chain[0]!);
  const key = keyOf(readPem(files.key, "key file", refuseOpenMode), files.key);
  if (!leaf.checkPrivateKey(createPrivateKey(key)))
    throw new AppError(
      "unavailable",
      `the key in ${files.key} does not belong to the certificate in ${files.cert}`,
      {
        hint: "the server's own certificate must be the first in its file, before those of authorities",
      },
    );
  return {
    cert: `${chain.join("\n")}\n`,
    key,
    names: namesOf(leaf),
    issuer: issuerOf(leaf),
    validFrom: Date.parse(leaf.validFrom),
    validTo: Date.parse(leaf.validTo),
  };
}

/** True if a certificate is for a host: a name, also by a wildcard, or an address. */
export function isFor({ cert }: ServerCertificate, host: string): boolean {
  const certificate = new X509Certificate(cert);
  const name = plainHost(host);
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

function chainOf(text: string, path: string): string[] {
  try {
    return certificatesIn(text, `certificate file ${path}`);
  } catch (cause) {
    throw new AppError("unavailable", (cause as AppError).message, {
      hint: 'PEM begins with "-----BEGIN CERTIFICATE-----"; openssl x509 -inform der -in FILE makes it of DER',
      cause,
    });
  }
}

/** Returns the key in PEM, without other things that the file may have. */
function keyOf(text: string, path: string): string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
    throw new AppError("unavailable", `key file ${path}: the key is protected by a passphrase`, {
      hint: `remove it: openssl pkey -in ${path} -out NEWFILE; then chmod 600 NEWFILE`,
    });
  const pem = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[^-]+-----END ([A-Z]+ )?PRIVATE KEY-----/.exec(text)?.[0];
  if (pem === undefined)
    throw new AppError("unavailable", `key file ${path}: it has no private key in PEM`, {
      hint: 'PEM begins with "-----BEGIN PRIVATE KEY-----"',
    });
  try {
    createPrivateKey(pem);
    return pem;
  } catch {
    // The cause may quote the key.
    throw new AppError("unavailable", `key file ${path}: the private key in it is damaged`);
  }
}

/** Others than owner and group: a key may be shared with a group such as Debian's ssl-cert (T285). */
function refuseOpenMode(mode: number, path: string): AppError | undefined {
  if (!posix || (mode & 0o007) === 0) return undefined;
  return new AppError("unavailable", `key file ${path}: every user of this machine may read or change it`, {
    hint: `chmod 600 ${path}, or 640 with a group that only the server is in`,
  });
}

function readPem(
  path: string,
  what: string,
  refuse?: (mode: number, path: string) => AppError | undefined,
): string {
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would block until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new AppError("unavailable", `${what} ${path}: it is not a regular file`);
    if (stats.size > largest)
      throw new AppError("unavailable", `${what} ${path}: it is larger than ${largest / 1024} KiB`);
    const refused = refuse?.(stats.mode, path);
    if (refused) throw refused;
    return readFileSync(fd, "utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("unavailable", `${what} ${path}: it cannot be read: ${reasonText(error)}`, {
      hint: "the server reads it as the user that it runs as",
      cause: error,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return subjectAltName.split(", ").flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(\S+)$/.exec(entry) ?? [];
    return name === undefined ? [] : [name];
  });
}

/** The common name of the issuer, or its organisation; the whole text if it has neither. */
function issuerOf({ issuer }: X509Certificate): string {
  const part = (name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(issuer)?.[1];
  return part("CN") ?? part("O") ?? issuer.replaceAll("\n", ", ");
}
