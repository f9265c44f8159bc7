import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { version as program, type Version } from "../../version.ts";
import {
  type Identity,
  identityAnswer,
  type ServerUse,
  useAnswer,
  versionAnswer,
} from "../client/account-answers.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { listOf } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { readConfig } from "../client/config.ts";
import { limitsAnswer } from "../client/limit-answers.ts";
import { type ListedWorkstation, workstationsAnswer } from "../client/workstation-answers.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { reportFailure } from "../core/failure.ts";
import { age, plain, sizeText } from "../output/cells.ts";
import { aligned } from "../output/describe.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { paint } from "../terminal/paint.ts";
import { certificateOf } from "./doctor/tls.ts";
import {
  type Attention,
  attentionLines,
  attentionOf,
  type CatalogueFacts,
  type StatusLine,
} from "./status/attention.ts";
import { reachOf } from "./status/reach.ts";
import { warnAboutSkew } from "./version.ts";
import { identityLines, limitLines } from "./whoami.ts";

export const status = defineVerb({
  meta: {
    name: "status",
    description: "Show the server that is used, its load, who you are there, and the workstations",
    about: `The first command to run when something does not work: it says which server the other commands talk to and
      where that address comes from, if it can be reached or why not, if the versions differ, who you are there with the
      limits that apply, and which workstations are connected. Then it names what needs attention, as far as you may see it:
      failing llms, instances of MCP servers and secret backends, limits near their end, and tokens of yours (for an
      administrator, of everybody) that end within 14 days. Who may view metrics also sees the database, the free space on
      its disk, the servers that share it, the open connections and the backups.

      It prints what it can also if the server is down or wants a login; it then exits with the code of that error. To
      measure the connection itself, run "mcpctl doctor".`,
    usage: "[-o json|yaml]",
    examples: [["mcpctl status", "Check the server and your login"]],
  },
  output: objectFormats,
  async run(_, context) {
    const print = await dataPrinter(context.flags.output);
    const client = await context.client();
    const reach = await reachOf(client);
    const { error, ...way } = reach;
    const certificate = await certificateTime(client);
    const found = error ? { problem: error } : await ask(client);
    const { problem, ...facts } = found;
    const { url, origin, token } = client.endpoint;
    const report: Report = {
      context: contextOf(context),
      server: { url, origin: origin ?? null, ...way, ...facts.version },
      program: program.version,
      ...(certificate !== undefined && { certificateExpiresAt: new Date(certificate).toISOString() }),
      ...facts.use,
      identity: facts.identity ?? null,
      ...(problem && { problem: problem.message }),
      llms: counts(facts.llms ?? []),
      ...attentionOf(facts, context.now()),
      published: published(facts.llms ?? []),
      ...(facts.workstations && { workstations: facts.workstations }),
      failovers: failovers(context),
    };
    context.terminal.out(print ? print(report) : text(report, token !== undefined, context));
    if (facts.version) warnAboutSkew(facts.version, context.terminal);
    return problem ? reportFailure(problem, context.terminal, context.flags.verbose) : 0;
  },
});

interface Facts extends CatalogueFacts {
  version?: Version;
  use?: ServerUse | undefined;
  workstations?: ListedWorkstation[] | undefined;
  /** The failure that says why the rest is missing. */
  problem?: AppError;
}

/** Asks the server for all that it tells this user. What the user may not see, or an older server does not tell, is left out. */
async function ask(client: ApiClient): Promise<Facts> {
  const unlessRefused = (error: unknown) => {
    if (error instanceof AppError && error.code === "interrupted") throw error;
    if (isUnexpectedAnswer(error)) throw error;
    return undefined;
  };
  try {
    const list = (kind: string) =>
      client
        .call("GET", `/api/v1/${kindOf(kind).plural}`, { answer: listOf(kindOf(kind)) })
        .catch(unlessRefused);
    const [version, identity, use, limits, workstations] = await Promise.all([
      client.call("GET", "/api/v1/version", { answer: versionAnswer }),
      client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer }),
      client.call("GET", "/api/v1/status", { answer: useAnswer }).catch(unlessRefused),
      client.call("GET", "/api/v1/limits", { answer: limitsAnswer }).catch(unlessRefused),
      client.call("GET", "/api/v1/workstations", { answer: workstationsAnswer }).catch(unlessRefused),
    ]);
    const [llms, instances, backends, tokens] = await Promise.all(
      ["llm", "instance", "secretbackend", "token"].map(list),
    );
    return { version, identity, use, limits, workstations, llms, instances, backends, tokens };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted" || isUnexpectedAnswer(error))
      throw error;
    return { problem: error };
  }
}

/** Returns the end of the certificate of a server with TLS that is called without a proxy; undefined if it is not known. */
async function certificateTime({ endpoint, proxy }: ApiClient): Promise<number | undefined> {
  const url = URL.parse(endpoint.url);
  if (url?.protocol !== "https:" || proxy) return undefined;
  const found = await certificateOf(url.hostname.replace(/^\[|\]$/g, ""), Number(url.port || 443));
  return typeof found === "string" || Number.isNaN(found.validTo) ? undefined : found.validTo;
}

interface Report extends Partial<ServerUse>, Attention {
  /** The context that is chosen; null if there is none. */
  context: string | null;
  server: Partial<Version> & {
    url: string;
    origin: string | null;
    reachable: boolean;
    reason: string | null;
    milliseconds: number | null;
  };
  /** The version of this program. */
  program: string;
  certificateExpiresAt?: string;
  /** Null if the server cannot be reached or wants a login. */
  identity: Identity | null;
  problem?: string;
  llms: { total: number; active: number };
  published: Record<string, { total: number; active: number }>;
  /** Left out by a server of an older version. */
  workstations?: ListedWorkstation[];
  failovers: { llm: string; provider: string }[];
}

function text(report: Report, hasToken: boolean, context: Context): string {
  const now = context.now();
  const { server, identity } = report;
  const origin = server.origin === null ? "" : ` (${server.origin})`;
  const version = server.version ?? (identity ? "unknown" : "not known without a login");
  const lines: StatusLine[] = [
    { label: "Context", value: report.context ?? "-" },
    { label: "Server", value: `${server.url}${origin}` },
    { label: "Reachable", value: reachText(server), isBad: !server.reachable || server.reason !== null },
    ...(server.reachable
      ? [{ label: "Version", value: `${version} (this program: ${report.program})` }]
      : []),
    ...certificateLines(report, now),
    ...linesOfUse(report),
    ...backupLines(report, now),
    ...(identity ? identityLines(identity, context) : loginLines(server.reachable, hasToken)),
    ...limitLines(identity?.limits ?? [], now),
    ...(identity ? catalogueLines(report, now) : []),
    {
      label: "Failovers",
      value: report.failovers.map(({ llm, provider }) => `${llm} → ${provider}`).join(", ") || "none",
    },
    ...(server.reachable ? [] : [{ label: "This program", value: report.program }]),
  ];
  const { color } = context.terminal;
  const shown = aligned(lines, "").map((line, i) => paint(color && lines[i]!.isBad === true, "red", line));
  return `${shown.join("\n")}\n`;
}

function reachText({ reachable, reason, milliseconds }: Report["server"]): string {
  if (!reachable) return `no: ${reason}`;
  const time = `in ${milliseconds} ms`;
  return reason === null ? `yes, ${time}` : `yes, ${time}, but not ready: ${reason}`;
}

function loginLines(reachable: boolean, hasToken: boolean): StatusLine[] {
  if (!reachable) return [{ label: "Login", value: hasToken ? "a token is there; not checked" : "no token" }];
  return [{ label: "Login", value: hasToken ? "the token is refused" : "not logged in" }];
}

function catalogueLines(report: Report, now: number): StatusLine[] {
  const { llms } = report;
  return [
    { label: "LLMs", value: `${llms.total}, ${llms.active} active` },
    ...attentionLines(report, now),
    { label: "Workstations", value: workstationsText(report) },
  ];
}

/** The workstations by name; where the server does not list them, the llms that they publish. */
function workstationsText({ workstations, published }: Report): string {
  const llms = Object.entries(published).map(
    ([owner, count]) => `${owner}: ${count.active} of ${count.total} active`,
  );
  if (!workstations) return llms.join("; ") || "none connected";
  const connected = workstations.filter(({ state }) => state === "connected");
  if (workstations.length === 0) return "none connected";
  const names = connected.map(({ name, user }) => `${plain(name)} (${plain(user)})`);
  const most = 10;
  const more = names.length > most ? [`${names.length - most} more`] : [];
  const list = [...names.slice(0, most), ...more].join(", ");
  return `${connected.length} of ${workstations.length} connected${list === "" ? "" : `: ${list}`}`;
}

/** The certificate that this program was shown, which may be a proxy's, and the server's own. */
function certificateLines({ certificateExpiresAt: shown, certificate }: Report, now: number): StatusLine[] {
  const own = certificate && {
    value: `${certificate.names.map(plain).join(", ")}: ${expiryText(certificate.expiresAt, now)}${
      certificate.failedAt === null
        ? ""
        : `; RELOADING FAILED ${age(certificate.failedAt, now)}: ${plain(certificate.reason ?? "")}`
    }`,
    isBad: certificate.isEnding || certificate.failedAt !== null,
  };
  const isSame = own && shown && Date.parse(shown) === Date.parse(certificate.expiresAt);
  return [
    ...(shown && !isSame
      ? [{ label: "Certificate", value: expiryText(shown, now), isBad: Date.parse(shown) < now }]
      : []),
    ...(own ? [{ label: shown && !isSame ? "Of the server" : "Certificate", ...own }] : []),
  ];
}

function expiryText(time: string, now: number): string {
  const isOver = Date.parse(time) < now;
  return `${isOver ? "EXPIRED" : "expires"} ${time} (${age(time, now)})`;
}

/** The name of the context that is used; null if another setting names the server, or there is none. */
function contextOf({ flags, env, home }: Context): string | null {
  if (flags.server) return null;
  if (flags.context) return flags.context;
  if (env["MCPCTL_SERVER"] || env["MCPD_URL"]) return null;
  try {
    return readConfig(home).currentContext ?? null;
  } catch {
    return null;
  }
}

function linesOfUse({ database = {}, connections, replicas }: Partial<ServerUse>): StatusLine[] {
  const { kind, bytes, logBytes, freeBytes } = database;
  const sizes = [
    ...(kind === undefined ? [] : [databaseNames[kind] ?? kind]),
    ...(bytes === undefined ? [] : [sizeText(bytes)]),
    ...(logBytes ? [`${sizeText(logBytes)} log`] : []),
    ...(freeBytes === undefined ? [] : [`${sizeText(freeBytes)} free on its disk`]),
  ];
  const lines = sizes.length === 0 ? [] : [{ label: "Database", value: sizes.join(", ") }];
  if (replicas) lines.push({ label: "Servers", value: `${replicas.length}: ${replicas.join(", ")}` });
  if (!connections) return lines;
  const { address, descriptors, vanished } = connections.closed;
  const closed = [
    ...(address > 0 ? [`${address} of an address with too many`] : []),
    ...(descriptors > 0 ? [`${descriptors} when descriptors ran out`] : []),
    ...(vanished > 0 ? [`${vanished} of vanished peers`] : []),
  ];
  const value = `${connections.open} open${closed.length > 0 ? `; closed: ${closed.join(", ")}` : ""}`;
  return [...lines, { label: "Connections", value }];
}

/** The backups that the server makes by itself. */
function backupLines({ backups }: Partial<ServerUse>, now: number): StatusLine[] {
  if (!backups) return [];
  const { lastAt, name, failedAt, reason, nextAt } = backups;
  const last = lastAt === null ? "none yet" : `${age(lastAt, now)}${name === null ? "" : `, ${name}`}`;
  const failed = failedAt === null ? "" : `; FAILED ${age(failedAt, now)}: ${reason}`;
  const next = nextAt === null ? "" : `; next ${age(nextAt, now)}`;
  return [{ label: "Backups", value: `${last}${failed}${next}`, isBad: failedAt !== null }];
}

const databaseNames: Readonly<Record<string, string>> = { sqlite: "SQLite", postgres: "PostgreSQL" };

function counts(llms: readonly Resource[]): { total: number; active: number } {
  return { total: llms.length, active: llms.filter((llm) => llm["status"] === "active").length };
}

/** The llms that agents publish, by the owner of the agent. */
function published(llms: readonly Resource[]): Report["published"] {
  const virtual = llms.filter((llm) => llm["origin"] === "virtual");
  const byOwner = Map.groupBy(virtual, (llm) => String(llm["owner"]));
  return Object.fromEntries([...byOwner].map(([owner, theirs]) => [owner, counts(theirs)]));
}

/** The providers of this machine that stand in for an llm while the server cannot be reached. */
function failovers(context: Context): Report["failovers"] {
  const { llm } = configOf(context) as {
    llm?: { providers?: ({ name?: unknown; failoverFor?: unknown } | null)[] };
  };
  const providers = Array.isArray(llm?.providers) ? llm.providers : [];
  // The agent reports faults in the config; here they are skipped.
  return providers.flatMap((provider) =>
    typeof provider?.failoverFor === "string"
      ? [{ llm: provider.failoverFor, provider: String(provider.name) }]
      : [],
  );
}

/** The config; an empty one if it cannot be read, which "mcpctl doctor" reports. */
function configOf(context: Context): object {
  try {
    return readConfig(context.home);
  } catch {
    return {};
  }
}
