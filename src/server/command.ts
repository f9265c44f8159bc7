import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { defineVerb } from "../cli/core/command.ts";
import { AppError } from "../errors.ts";
import { didYouMean } from "../kinds/names.ts";
import { quotas } from "../kinds/quotas.ts";
import { createLog, type LogFormat, logFormats, logLevels } from "../log.ts";
import { launchHost } from "../processes/launch/prepare.ts";
import { reapOrphans } from "../processes/orphan-zombies.ts";
import { releasePagesAfterStart } from "../processes/program-pages.ts";
import { stopSignals } from "../processes/stop-signals.ts";
import { proxyRule } from "../proxies.ts";
import { serviceManager } from "../systemd.ts";
import { systemDataFolder } from "../unix-socket.ts";
import { version } from "../version.ts";
import { BackupFolder } from "./backups/backup-folder.ts";
import { backupFlags, scheduleOf } from "./backups/settings.ts";
import { checkServer, printChecks } from "./check.ts";
import { leastBodyMemory } from "./core/body-budget.ts";
import { prepareDataDirectory } from "./core/data-directory.ts";
import { redact } from "./core/redact.ts";
import { keepOf } from "./core/retention.ts";
import { openStore } from "./core/store/index.ts";
import { passedSocket } from "./http/connections/passed-socket.ts";
import { TrustedProxies } from "./http/connections/trusted-proxies.ts";
import { CertificateKeeper } from "./http/tls/certificate-keeper.ts";
import { isFor } from "./http/tls/server-certificate.ts";
import { certificateFilesOf, certificateFlags, urlsOf } from "./http/tls/settings.ts";
import { openLogFile } from "./observability/log-file.ts";
import { traceSettings } from "./observability/trace-settings.ts";
import { findKeyFile } from "./secrets/key-file.ts";
import { startServer } from "./start.ts";
import { workerCount } from "./workers/worker-count.ts";

/** Milliseconds that running calls have to finish when the server is told to stop. */
const drainTimeout = 30_000;

/** `mcpctl server` */
export const server = defineVerb({
  meta: {
    name: "server",
    description: "Run the server",
    about: `The server keeps the catalogue of llms, secrets and rights, and passes calls on to the providers with their
      keys. Everything it stores is in one folder; the first start creates it. It listens on this machine only, unless
      --listen says otherwise, and encrypts only with --tls-cert and --tls-key: for a network, give it a certificate or put
      a proxy with TLS in front of it.

      It runs in the foreground. Ctrl-C, SIGTERM or a closed terminal lets running calls finish, for at most 30
      seconds; a second Ctrl-C or SIGTERM stops it at once. Under nohup a closed terminal does nothing.`,
    examples: [
      ["mcpctl server", "Listen on 127.0.0.1:7777 and store everything in ~/.mcpctl/server"],
      [
        "mcpctl server --listen 0.0.0.0:7777 --tls-cert fullchain.pem --tls-key privkey.pem",
        "Serve a network with TLS, under the names of the certificate",
      ],
      [
        "mcpctl server --listen 0.0.0.0:7777 --public-url https://llm.example.org",
        "Serve a network behind a proxy that has the certificate",
      ],
    ],
  },
  args: {
    listen: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "Listen on this address (MCPCTL_LISTEN; default 127.0.0.1:7777)",
    },
    "data-dir": {
      type: "string",
      valueHint: "DIR",
      description: "Folder of the database and the socket (MCPCTL_DATA_DIR; default ~/.mcpctl/server)",
    },
    "database-url": {
      type: "string",
      valueHint: "URL",
      description:
        "Use this PostgreSQL instead of SQLite (MCPCTL_DATABASE_URL, which keeps the password out of ps)",
    },
    "public-url": {
      type: "string",
      multiple: true,
      valueHint: "URL",
      description: "Also accept requests for this URL, under which proxies reach the server",
    },
    ...certificateFlags,
    "node-url": {
      type: "string",
      valueHint: "URL",
      description:
        "Where the other servers on the same PostgreSQL reach this one (MCPCTL_NODE_URL; default: its own address)",
    },
    "max-connections-per-address": {
      type: "string",
      valueHint: "N",
      description:
        "Close idle connections of an address that has more; 0 for no limit (default: a quarter of ulimit -n, at most 1000)",
    },
    "trusted-proxy": {
      type: "string",
      multiple: true,
      valueHint: "ADDRESS",
      description:
        "IP address or range of a proxy: it may have any number of connections, and its X-Forwarded-For names the caller",
    },
    workers: {
      type: "string",
      valueHint: "N|auto",
      description:
        "Answer calls of models in N threads beside the main one; auto: all cores but one where there are 4 or more (MCPCTL_WORKERS; default 1: the main thread alone)",
    },
    "plain-listener": {
      type: "boolean",
      description:
        "Read requests by Bun's code instead of mcpctl's own, which is stricter and begins streams sooner",
    },
    "master-key-file": {
      type: "string",
      valueHint: "FILE",
      description: "File of the master key for sealed secrets (MCPCTL_MASTER_KEY_FILE)",
    },
    "memory-for-bodies": {
      type: "string",
      valueHint: "SIZE",
      description:
        "The most memory for requests over 1 MB, and as much for answers, for example 256mb (MCPCTL_MEMORY_FOR_BODIES; default 128mb)",
    },
    quota: {
      type: "string",
      multiple: true,
      valueHint: "NAME=N",
      description:
        "The most that one user can have of something: llms, tokens and every other kind, sessions, threads, workstations, streams",
    },
    "audit-keep": {
      type: "string",
      valueHint: "TIME",
      description:
        "Delete older events of the audit log, for example 90d (MCPCTL_AUDIT_KEEP; default: keep all)",
    },
    "usage-keep": {
      type: "string",
      valueHint: "TIME",
      description: "Delete the usage of older days, for example 2y (MCPCTL_USAGE_KEEP; default: keep all)",
    },
    ...backupFlags,
    check: {
      type: "boolean",
      description:
        "Check flags, folders, database, port and keys, change nothing, and exit: 1 if the server would not start",
    },
    "metrics-public": { type: "boolean", description: "Let everybody read /metrics, without a token" },
    "access-log": { type: "boolean", description: "Write a line of JSON to stderr for each request" },
    "log-format": {
      type: "enum",
      options: logFormats,
      description: "Format of the log (MCPCTL_LOG_FORMAT; default text on a terminal, otherwise json)",
    },
    "log-level": {
      type: "enum",
      options: logLevels,
      description: "Log only errors, also warnings, or all (default info)",
    },
    "log-file": {
      type: "string",
      valueHint: "FILE",
      description: "Write the log to this file instead of stderr; SIGHUP opens it anew, after it was moved",
    },
  },
  async run(args, context) {
    const { env } = context;
    const manager = await serviceManager(process.env);
    const passed = passedSocket(process.env);
    const wanted = args.listen ?? env["MCPCTL_LISTEN"];
    const listen = { ...parseListen(wanted ?? "127.0.0.1:7777"), passed };
    const givenUrls = args["public-url"].map((text) => parseUrl(text, "--public-url"));
    const certificateFiles = certificateFilesOf(args, env);
    const givenNodeUrl = args["node-url"] ?? env["MCPCTL_NODE_URL"];
    const nodeUrl = givenNodeUrl ? parseUrl(givenNodeUrl, "--node-url") : undefined;
    const trustedProxies = new TrustedProxies(args["trusted-proxy"]);
    const maxPerAddress = parseCount(args["max-connections-per-address"]);
    const workers = workerCount(args.workers ?? env["MCPCTL_WORKERS"], args["plain-listener"]);
    const givenQuotas = Object.fromEntries(args.quota.map(parseQuota));
    // Absolute, because programs that are started from there have working directories of their own.
    const chosenDir = args["data-dir"] ?? env["MCPCTL_DATA_DIR"];
    const dataDir = resolve(chosenDir ?? join(context.home, "server"));
    const keyFile = findKeyFile({ flag: args["master-key-file"], env });
    const keep = keepOf(
      args["audit-keep"] ?? env["MCPCTL_AUDIT_KEEP"],
      args["usage-keep"] ?? env["MCPCTL_USAGE_KEEP"],
    );
    const backups = scheduleOf(args, env);
    const bodyMemory = parseMemory(args["memory-for-bodies"] ?? env["MCPCTL_MEMORY_FOR_BODIES"]);
    const format = args["log-format"] ?? parseLogFormat(env["MCPCTL_LOG_FORMAT"]);
    const logPath = args["log-file"] === undefined ? undefined : resolve(args["log-file"]);
    const traces = traceSettings(env);
    const databaseUrl = args["database-url"] ?? env["MCPCTL_DATABASE_URL"];
    if (args.check) {
      const results = await checkServer({
        dataDir,
        socketPath: join(dataDir, "mcpctl.sock"),
        databaseUrl: databaseUrl || undefined,
        databasePath: join(dataDir, "mcpctl.db"),
        listen,
        keyFile,
        backupFolder: backups?.folder,
        certificateFiles,
        publicHosts: hostsOf(givenUrls),
        logPath,
      });
      return printChecks(results, context.terminal);
    }
    // Files of the server are readable by its own user only (T86).
    process.umask(0o077);
    prepareDataDirectory(dataDir);
    if (backups) BackupFolder.prepare(backups.folder);
    const logFile = logPath === undefined ? undefined : openLogFile(logPath);
    const logStream = logFile?.stream ?? process.stderr;
    // Whatever reads a pipe, a file or the journal is mostly a program.
    const log = createLog(logStream, format ?? (logStream.isTTY ? "text" : "json"), {
      level: args["log-level"] ?? "info",
      hasTimes: true,
    });
    const certificate =
      certificateFiles && new CertificateKeeper({ files: certificateFiles, now: Date.now, log });
    const publicUrls =
      certificate && givenUrls.length === 0
        ? urlsOf(certificate.current.names, passed?.port ?? listen.port)
        : givenUrls;
    for (const host of certificate ? hostsOf(givenUrls) : [])
      if (!isFor(certificate!.current, host))
        log.warn(`the certificate is not for ${host}, which --public-url names: clients refuse it there`);
    if (logFile || certificate)
      process.on("SIGHUP", () => {
        logFile?.reopen();
        certificate?.reload();
      });
    if (passed && wanted !== undefined)
      log.info(`${wanted} is not used: systemd passes the socket on which the server listens`);
    const path = join(dataDir, "mcpctl.db");
    const store = await openStore({
      ...(databaseUrl ? { url: databaseUrl } : { path }),
      now: Date.now,
      onWarning: (text) => log.warn(redact(text, undefined)),
      onMigrated: (text) => log.info(text),
    });
    const socketPath = join(dataDir, "mcpctl.sock");
    // They stand before anybody can see that the server answers. A start that hangs is ended by the second one.
    const stops = stopSignals(logFile === undefined && certificate === undefined);
    let isStarted = false;
    void aborted(stops.first).then(() => isStarted || stops.ignore());
    const running = await startServer({
      store,
      listen,
      socketPath,
      publicUrls,
      ...(certificate && { certificate }),
      connections: {
        trustedProxies,
        isPlain: args["plain-listener"],
        ...(maxPerAddress !== undefined && { maxPerAddress }),
      },
      ...(workers > 0 && { workers: { count: workers, environment: env } }),
      metricsPublic: args["metrics-public"],
      keep,
      ...(!databaseUrl && { databaseFolder: dataDir }),
      scratchFolder: dataDir,
      ...(backups && { backups }),
      quotas: givenQuotas,
      ...(bodyMemory !== undefined && { bodies: { most: bodyMemory } }),
      ...(keyFile && { keyFile }),
      commands: {
        ...(env["MCPCTL_GEMINI_COMMAND"] && { command: env["MCPCTL_GEMINI_COMMAND"] }),
        path: env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
        directory: join(dataDir, "gemini"),
      },
      programs: { folder: join(dataDir, "mcp"), host: launchHost(env), kept: [dataDir] },
      ...(nodeUrl !== undefined && { nodeUrl }),
      node: nodeName(hostname(), dataDir, databaseUrl !== undefined),
      ...(args["access-log"] && { accessLog: (line: string) => void logStream.write(line) }),
      ...(traces && { traces }),
      proxyFor: proxyRule(env),
      log,
    });
    isStarted = true;
    log.success(`mcpctl ${version.version} listens on ${running.url} and ${socketPath}`);
    log.info(`data: ${databaseUrl ? "PostgreSQL" : path}`);
    const isFound = chosenDir === undefined || dataDir === systemDataFolder;
    const server = isFound ? "" : `--server unix://${socketPath} `;
    const next = running.hasLlms ? "get llms" : "init";
    log.info(`next: mcpctl ${server}${next}    (on this host no login is needed)`);
    // The service manager restarts a server that is stuck. A restart would not help against a PostgreSQL that is down.
    manager.watch(async () => void (store.dialect === "sqlite" && (await store.ping())));
    manager.ready(`listens on ${running.url}`);
    const stopReaping = await reapOrphans();
    releasePagesAfterStart();
    await aborted(stops.first);
    manager.stopping("finishing running calls");
    void aborted(stops.second).then(() => running.stop(0));
    log.info("finishing running calls; a second signal stops at once");
    await running.stop(drainTimeout);
    manager.close();
    stopReaping();
    stops.ignore();
    log.info("stopped");
  },
});

/** Returns the name of this server. Several on one database and one host are told apart by their folders. */
function nodeName(host: string, dataDir: string, isShared: boolean): string {
  return isShared ? `${host}-${Bun.hash(dataDir).toString(36).slice(0, 6)}` : host;
}

/** Returns the hosts of URLs with https. */
function hostsOf(urls: readonly string[]): string[] {
  return urls.filter((url) => url.startsWith("https:")).map((url) => new URL(url).hostname);
}

/** Resolves when a signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function parseListen(text: string): { hostname: string; port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^:]*):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new AppError("usage", `--listen: "${text}" is not HOST:PORT`, {
      hint: "for example 127.0.0.1:7777 or [::]:7777",
    });
  }
  return { hostname: match[1]!.replace(/^\[|\]$/g, "") || "0.0.0.0", port };
}

function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new AppError("usage", `--max-connections-per-address: "${text}" is not a number`);
}

function parseMemory(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const [, digits, unit = ""] = /^(\d{1,7})(mb|gb)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (unit.toLowerCase() === "gb" ? 1024 : 1) * 1024 * 1024;
  if (bytes >= leastBodyMemory) return bytes;
  throw new AppError("usage", `--memory-for-bodies: "${text}" is not a size of 64mb or more`, {
    hint: "for example 256mb or 1gb",
  });
}

function parseLogFormat(text: string | undefined): LogFormat | undefined {
  if (!text) return undefined;
  const format = logFormats.find((known) => known === text);
  if (format) return format;
  throw new AppError("usage", `MCPCTL_LOG_FORMAT must be ${logFormats.join(" or ")}, not "${text}"`);
}

function parseQuota(text: string): [name: string, most: number] {
  const [name = "", most = ""] = text.split("=");
  const names = quotas.map((quota) => quota.name);
  if (!names.includes(name))
    throw new AppError("usage", `--quota: unknown quota "${name}"`, {
      hint: didYouMean(name, names) ?? `known: ${names.join(", ")}`,
    });
  if (/^\d{1,7}$/.test(most)) return [name, Number(most)];
  throw new AppError("usage", `--quota ${name}: must be a whole number`, { hint: `for example ${name}=100` });
}

function parseUrl(text: string, flag: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new AppError("usage", `${flag}: "${text}" is not a URL`, {
    hint: "for example https://llm.example.org",
  });
}
