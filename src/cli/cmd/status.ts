import type { Resource } from "../../kinds/define.ts";
import { kindOf } from "../../kinds/index.ts";
import { version as client, type Version } from "../../version.ts";
import { jsonText } from "../../wire/text.ts";
import {
  type Identity,
  identityAnswer,
  type ServerUse,
  useAnswer,
  versionAnswer,
} from "../client/account-answers.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { listOf } from "../client/answers.ts";
import { readConfig } from "../client/config.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { age, sizeText } from "../output/cells.ts";
import { aligned } from "../output/describe.ts";
import { wantsJson } from "../output/format.ts";
import { warnAboutSkew } from "./version.ts";
import { identityLines } from "./whoami.ts";

export const status = defineVerb({
  meta: {
    name: "status",
    description: "Show the server that is used, its load, who you are there, and what agents publish",
    about: `The first command to run when something does not work: it says which server the other commands talk to and
      where that address comes from, if the versions differ, how many llms are active, and which users' agents
      publish some. Who may view metrics also sees the size of the database, the free space on its disk and the open
      connections, where the server can find them out. To measure the connection itself, run "mcpctl doctor".`,
    usage: "[-o json]",
    examples: [["mcpctl status", "Check the server and your login"]],
  },
  async run(_, context) {
    const json = wantsJson(context.flags.output);
    const client = await context.client();
    // What a user may not see, or an older server does not tell, is left out.
    const unlessRefused =
      <T>(instead: T) =>
      (error: unknown) => {
        if (isUnexpectedAnswer(error)) throw error;
        return instead;
      };
    const [server, identity, llms, use] = await Promise.all([
      client.call("GET", "/api/v1/version", { answer: versionAnswer }),
      client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer }),
      client.call("GET", "/api/v1/llms", { answer: listOf(kindOf("llm")) }).catch(unlessRefused([])),
      client.call("GET", "/api/v1/status", { answer: useAnswer }).catch(unlessRefused(undefined)),
    ]);
    const report = {
      server: { url: client.endpoint.url, origin: client.endpoint.origin ?? null, ...server },
      ...use,
      identity,
      llms: counts(llms),
      published: published(llms),
      failovers: failovers(context),
    };
    context.terminal.out(json ? jsonText(report) : text(report, context));
    warnAboutSkew(server, context.terminal);
  },
});

interface Report extends Partial<ServerUse> {
  server: Version & { url: string; origin: string | null };
  identity: Identity;
  llms: { total: number; active: number };
  published: Record<string, { total: number; active: number }>;
  failovers: { llm: string; provider: string }[];
}

function text(report: Report, context: Context): string {
  const { server, identity, llms, published, failovers } = report;
  const origin = server.origin === null ? "" : ` (${server.origin})`;
  const agents = Object.entries(published).map(
    ([owner, count]) => `${owner}: ${count.active} of ${count.total} active`,
  );
  const lines = [
    { label: "Server", value: `${server.url}${origin}` },
    { label: "Version", value: `${server.version} (this program: ${client.version})` },
    ...linesOfUse(report),
    ...backupLines(report, context.now()),
    ...identityLines(identity, context),
    { label: "LLMs", value: `${llms.total}, ${llms.active} active` },
    { label: "Agents", value: agents.join("; ") || "none attached" },
    {
      label: "Failovers",
      value: failovers.map(({ llm, provider }) => `${llm} → ${provider}`).join(", ") || "none",
    },
  ];
  return `${aligned(lines, "").join("\n")}\n`;
}

function linesOfUse({ database = {}, connections }: Partial<ServerUse>): { label: string; value: string }[] {
  const { bytes, logBytes, freeBytes } = database;
  const sizes = [
    ...(bytes === undefined ? [] : [sizeText(bytes)]),
    ...(logBytes ? [`${sizeText(logBytes)} log`] : []),
    ...(freeBytes === undefined ? [] : [`${sizeText(freeBytes)} free on its disk`]),
  ];
  const lines = sizes.length === 0 ? [] : [{ label: "Database", value: sizes.join(", ") }];
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
function backupLines({ backups }: Partial<ServerUse>, now: number): { label: string; value: string }[] {
  if (!backups) return [];
  const { lastAt, name, failedAt, reason, nextAt } = backups;
  const last = lastAt === null ? "none yet" : `${age(lastAt, now)}${name === null ? "" : `, ${name}`}`;
  const failed = failedAt === null ? "" : `; FAILED ${age(failedAt, now)}: ${reason}`;
  const next = nextAt === null ? "" : `; next ${age(nextAt, now)}`;
  return [{ label: "Backups", value: `${last}${failed}${next}` }];
}

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
