import type { Log } from "../log.ts";
import type { ProxyRule } from "../proxies.ts";
import type { Time } from "../time.ts";
import type { ScheduleSettings } from "./backups/schedule.ts";
import type { LeaseTimes } from "./cluster/membership.ts";
import type { PasswordCost } from "./core/access/passwords.ts";
import type { Retention } from "./core/retention.ts";
import type { Store } from "./core/store/types.ts";
import type { ConnectionOptions } from "./http/connections/connection-options.ts";
import type { TcpOptions } from "./http/listener.ts";
import type { CertificateKeeper } from "./http/tls/certificate-keeper.ts";
import type { Pace } from "./inference/pace.ts";
import type { ProgramsOptions } from "./mcp/instances/programs.ts";
import type { TraceSettings } from "./observability/trace-settings.ts";
import type { KeyFile } from "./secrets/key-file.ts";

/** Options of `startServer`. */
export interface ServerOptions {
  /** An open store. The server closes it. */
  store: Store;
  /** `127.0.0.1:7777`; port 0 takes a free one. */
  listen: Pick<TcpOptions, "hostname" | "port" | "passed">;
  /** The server's own certificate. Without it, the server speaks plain HTTP. */
  certificate?: CertificateKeeper;
  /**
   * Threads that answer calls of models beside the main thread; `environment` has the variables of proxies. Without it, the
   * main thread answers all calls.
   */
  workers?: { count: number; environment: Readonly<Record<string, string | undefined>> };
  /** Limits on connections. */
  connections?: ConnectionOptions;
  /** Path of the Unix socket; without it the server listens on TCP only. */
  socketPath?: string;
  /** URLs under which the server is reached. */
  publicUrls: readonly string[];
  /** `/metrics` is open to everybody. */
  metricsPublic: boolean;
  /** The file with the master keys, which sealed secrets need. */
  keyFile?: KeyFile;
  /**
   * The `gemini` command, or the `PATH` on which it is looked for, and a directory that nothing else uses. Without
   * them, llms of type gemini-cli cannot be called.
   */
  commands?: { command?: string; path: string; directory: string };
  /** The programs of MCP servers. Without it, only MCP servers elsewhere can be called. */
  programs?: ProgramsOptions;
  /** The URL at which the other servers on the database reach this one; that of its listener if not given. */
  nodeUrl?: string;
  /** Times of the leases between servers on one database, instead of the defaults. */
  leaseTimes?: LeaseTimes;
  /** The name of this server among those on the same database; the name of its host if not given. */
  node?: string;
  log: Log;
  /** Takes one line for each request. Without it, requests are not logged. */
  accessLog?: (line: string) => void;
  /** The collector for traces of calls. Without it, calls are not traced. */
  traces?: TraceSettings;
  /** Bounds on what one user can have, instead of the defaults, by the name of the quota. */
  quotas?: Readonly<Record<string, number>>;
  /** The most bytes of large bodies in memory, and how long one waits for it in milliseconds, instead of the defaults. */
  bodies?: { most?: number; wait?: number };
  /** The cost of a password's hash, instead of the default. */
  passwordCost?: PasswordCost;
  /** The proxy of each URL that the server calls. Without it, all are called directly. */
  proxyFor?: ProxyRule;
  /** The time for which the audit log and the usage are kept; for ever if not given. */
  keep?: Retention;
  /** The folder of the database, if it is a file of this machine. */
  databaseFolder?: string;
  /** Backups that the server makes by itself; none if not given. */
  backups?: ScheduleSettings;
  /** A folder of the server's own for files that are in use only while it runs; that of the system if not given. */
  scratchFolder?: string;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** A monotonic clock, in milliseconds. */
  elapsed?: () => number;
  /** Timers and chance for MCP servers. */
  time?: Time;
  /** Time and chance for calls that are tried again. */
  pace?: Pace;
  /** Milliseconds between two runs of upkeep; 60,000 if not given. */
  tick?: number;
}
