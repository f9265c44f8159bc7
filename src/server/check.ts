import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { dirname } from "node:path";
import { AppError } from "../errors.ts";
import { reasonText, systemCodeOf } from "../system-errors.ts";
import { inspectStore } from "./core/store/index.ts";
import { type CertificateFiles, isFor, readServerCertificate } from "./http/tls/server-certificate.ts";
import { type KeyFile, readKeyRing } from "./secrets/key-file.ts";

/** The files, ports and database that a server with these settings would use. */
export interface CheckOptions {
  dataDir: string;
  socketPath: string;
  /** The PostgreSQL; the file in the data directory if not given. */
  databaseUrl: string | undefined;
  databasePath: string;
  listen: { hostname: string; port: number };
  keyFile: KeyFile | undefined;
  backupFolder: string | undefined;
  certificateFiles: CertificateFiles | undefined;
  /** The hosts of the public URLs, for which a certificate must be. */
  publicHosts: readonly string[];
  /** The file of the log; stderr if not given. */
  logPath: string | undefined;
}

/** The result of one check. */
export interface CheckResult {
  what: string;
  /** The reason why a server would not start; undefined if it would. */
  fault?: AppError;
  text: string;
}

/** Checks all that a server needs to start, and changes nothing. Never throws for what it finds. */
export async function checkServer(options: CheckOptions): Promise<CheckResult[]> {
  const { dataDir, databaseUrl, databasePath, listen, keyFile, backupFolder, socketPath, certificateFiles } =
    options;
  const isRunning = await answers(socketPath);
  const used = (error: unknown) =>
    isRunning && error instanceof AppError && error.code === "conflict"
      ? "is used by the server that runs there now"
      : undefined;
  const results: CheckResult[] = [];
  const check = async (what: string, work: () => string | Promise<string>) => {
    try {
      results.push({ what, text: await work() });
    } catch (error) {
      const note = used(error);
      if (note !== undefined) results.push({ what, text: note });
      else if (error instanceof AppError) results.push({ what, text: error.message, fault: error });
      else throw error;
    }
  };
  await check("data directory", () => folderText(dataDir));
  await check("database", () =>
    inspectStore(databaseUrl === undefined ? { path: databasePath } : { url: databaseUrl }),
  );
  await check("listen address", () => portText(listen));
  if (keyFile) await check("master key", () => `${readKeyRing(keyFile).keys.length} in ${keyFile.path}`);
  if (certificateFiles)
    await check("certificate", () => certificateText(certificateFiles, options.publicHosts, Date.now()));
  if (backupFolder !== undefined) await check("backup folder", () => folderText(backupFolder));
  const { logPath } = options;
  if (logPath !== undefined) await check("log file", () => logText(logPath));
  return results;
}

/** Returns a text about a file that the log can be written to. Throws AppError `unavailable`. */
function logText(path: string): string {
  const isThere = existsSync(path);
  try {
    if (isThere && statSync(path).isDirectory()) throw new AppError("unavailable", `${path} is a folder`);
    accessSync(isThere ? path : dirname(path), constants.W_OK);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("unavailable", `cannot write the log ${path}: ${reasonText(cause)}`, { cause });
  }
  return isThere ? path : `${path} will be made`;
}

/** Returns a text about a folder that can be used, or made. Throws AppError `unavailable`. */
function folderText(path: string): string {
  const isThere = existsSync(path);
  let nearest = path;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    if (!statSync(nearest).isDirectory()) throw new AppError("unavailable", `${nearest} is not a folder`);
    accessSync(nearest, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("unavailable", `cannot write to ${nearest}: ${reasonText(cause)}`, { cause });
  }
  return isThere ? path : `${path} will be made`;
}

/** Returns a text about a certificate that clients accept. Throws AppError `unavailable`. */
function certificateText(files: CertificateFiles, hosts: readonly string[], now: number): string {
  const certificate = readServerCertificate(files);
  const { names, issuer, validFrom, validTo } = certificate;
  const until = new Date(validTo).toISOString().slice(0, 10);
  if (now >= validTo)
    throw new AppError(
      "unavailable",
      `the certificate in ${files.cert} has expired (${until}): clients refuse it`,
      {
        hint: "renew it; if it is valid, check the clock of this machine",
      },
    );
  if (now < validFrom)
    throw new AppError("unavailable", `the certificate in ${files.cert} is not valid yet`, {
      hint: "check the clock of this machine",
    });
  const missing = hosts.find((host) => !isFor(certificate, host));
  if (missing !== undefined)
    throw new AppError(
      "unavailable",
      `the certificate in ${files.cert} is not for ${missing}, which --public-url names`,
      {
        hint: `it is for ${names.join(", ") || "no name at all"}`,
      },
    );
  return `${names.join(", ")}, from ${issuer}, valid until ${until}`;
}

/** Listens for a moment. Throws AppError `conflict` if the port is taken, and `unavailable` if it cannot be used. */
async function portText({ hostname, port }: CheckOptions["listen"]): Promise<string> {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen({ host: hostname, port, exclusive: true }, listening.resolve);
  const where = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  try {
    await listening.promise;
    return `${where} is free`;
  } catch (cause) {
    const code = systemCodeOf(cause) === "EADDRINUSE" ? "conflict" : "unavailable";
    throw new AppError(code, `cannot listen on ${where}: ${reasonText(cause)}`, {
      cause,
      hint: "Choose another address with --listen.",
    });
  } finally {
    server.close();
  }
}

/** True if a process listens on a Unix socket. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    const end = (isListening: boolean) => {
      socket.destroy();
      resolve(isListening);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

/** Prints results: those that are right to stdout, faults to stderr. Returns the exit code. */
export function printChecks(
  results: readonly CheckResult[],
  terminal: { out(text: string): void; err(text: string): void },
): number {
  for (const { what, text, fault } of results) {
    if (!fault) terminal.out(`${what}: ${text}\n`);
    else terminal.err(`error: ${what}: ${text}\n${fault.hint === undefined ? "" : `hint: ${fault.hint}\n`}`);
  }
  return results.some(({ fault }) => fault) ? 1 : 0;
}
