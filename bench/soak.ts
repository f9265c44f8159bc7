/**
 * Kills and cuts what runs, again and again, and looks whether what was promised is kept. Ends with 1 when it is not.
 * The seed is printed: with it the same faults are chosen.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { reportHostile } from "./report-hostile.ts";
import { countsOf, isMcpKept, mcpSoakLines } from "./report-mcp-soak.ts";
import { type AuditSoakPlan, soakAudit } from "./soak-audit.ts";
import { type HostileSoakPlan, soakHostile } from "./soak-hostile.ts";
import { type HttpSoakPlan, soakHttp } from "./soak-http.ts";
import { type LineResult, lineCells, soakLines } from "./soak-lines.ts";
import { type LinkSoakPlan, soakLink } from "./soak-link.ts";
import { type McpSoakPlan, soakMcp } from "./soak-mcp.ts";
import { megabytes } from "./table.ts";

const usage = `bun run soak [--only audit|http|link|lines|hostile|mcp] [--seed N] [--binary FILE] [--workers N]

  audit   calls the compiled server, kills it with -9 in the middle of each round, and looks for the audit row of
          every answer that a client has received whole: [--rounds 10] [--calls 10000] [--clients 16]
  http    sends right and broken requests, cut anywhere, to the server and to an nginx in front of another one; each
          connection ends, each response is whole and the right one, and nginx sees as many requests: [--seconds 300]
  link    streams from models of many agents, kills agents with -9, and cuts, resets and stalls their ways to the
          server; each stream is whole or ends in one error: [--seconds 300] [--agents 20] [--streams 200]
  lines   sends large requests and answers over lines of 1, 8 and 100 Mbit/s, with small calls beside them: [--megabytes 32]
          (leaves out what takes longer than 100 seconds)
  hostile floods every route, the link, the answers of a provider and those of a server to its command line, with up to
          31 MB at a time; an honest caller beside it gets its answers, and memory returns: [--seconds 300] [--width 3]
  mcp     calls MCP servers by many clients of both eras, while programs are killed and stopped, hang, answer late or twice,
          write garbage and end in the middle of answers, instances are deleted and clients leave; each call ends in time
          with its own result or one error, and no process is left: [--seconds 300] [--servers 20] [--clients 200]

With --workers, the servers of audit, http, link and hostile answer calls of models in so many threads.`;

/** Memory may grow by this share from the first third to the last; a shorter soak, in seconds, says nothing of it. */
const growth = 0.3;
const longEnough = 120;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "10" },
      calls: { type: "string", default: "10000" },
      clients: { type: "string" },
      seconds: { type: "string", default: "300" },
      agents: { type: "string", default: "20" },
      servers: { type: "string", default: "20" },
      streams: { type: "string", default: "200" },
      megabytes: { type: "string", default: "32" },
      width: { type: "string", default: "3" },
      workers: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      binary: { type: "string", default: join(import.meta.dirname, "../dist/mcpctl") },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(usage);
  const { binary, workers } = values;
  const env = workers === undefined ? undefined : { MCPCTL_WORKERS: workers };
  if (!existsSync(binary)) throw new Error(`there is no ${binary}: run \`bun run build\``);
  const seed = Number(values.seed);
  const number = (
    name: "rounds" | "calls" | "seconds" | "agents" | "streams" | "megabytes" | "width" | "servers",
  ) => Number(values[name]);
  const clients = (count: number) => Number(values.clients ?? count);
  const soaks: Record<string, () => Promise<boolean>> = {
    audit: () =>
      audit({ rounds: number("rounds"), calls: number("calls"), clients: clients(16), seed, binary, env }),
    http: () => http({ seconds: number("seconds"), seed, binary, env }),
    link: () =>
      link({
        seconds: number("seconds"),
        agents: number("agents"),
        streams: number("streams"),
        faultEvery: 400,
        seed,
        binary,
        env,
      }),
    lines: () => lines(number("megabytes"), binary),
    hostile: () =>
      hostile({ seconds: number("seconds"), width: number("width"), bytes: 31_000_000, seed, binary, env }),
    mcp: () =>
      mcp({
        seconds: number("seconds"),
        servers: number("servers"),
        clients: clients(200),
        faultEvery: 2000,
        seed,
        binary,
      }),
  };
  const chosen = Object.keys(soaks).filter((one) => values.only === undefined || one === values.only);
  if (chosen.length === 0) throw new Error(`there is no soak ${values.only}\n${usage}`);
  let kept = true;
  for (const one of chosen) kept = (await soaks[one]!()) && kept;
  process.exitCode = kept ? 0 : 1;
}

async function audit(plan: AuditSoakPlan): Promise<boolean> {
  const { rounds, calls, clients, seed } = plan;
  console.log(`seed ${seed}: ${rounds} rounds of ${calls} calls by ${clients} clients`);
  const startedAt = performance.now();
  const result = await soakAudit(plan, console.log);
  const { whole, cut, rows, kills, lost } = result;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${whole} whole answers, ${cut} cut off, ${rows} audit rows, ${kills} kills, ${lost.length} lost, in ${seconds} s`,
  );
  for (const id of lost.slice(0, 20)) console.log(`lost: ${id}`);
  return lost.length === 0 && kills === rounds;
}

async function http(plan: HttpSoakPlan): Promise<boolean> {
  console.log(`seed ${plan.seed}: requests on 16 connections at a time, for ${plan.seconds} s`);
  const { statuses, wrong, resident } = await soakHttp(plan, console.log);
  console.log(`responses by status: ${JSON.stringify(statuses)}`);
  const [before, after] = [resident.before, resident.after].map((bytes) => Math.round(megabytes(bytes)));
  console.log(`resident ${before} MB before, ${after} MB after`);
  for (const fault of wrong) console.log(fault);
  return wrong.length === 0;
}

async function lines(megabytes: number, binary: string): Promise<boolean> {
  const results = await soakLines({ cells: lineCells(megabytes), binary }, (result) =>
    console.log(lineOf(result)),
  );
  return results.every(({ large, small }) => [large, ...small].every((time) => typeof time === "number"));
}

function lineOf({ cell, ideal, large, small }: LineResult): string {
  const { transport, megabits, roundTrip, requestBytes, answerBytes } = cell;
  const way = requestBytes > answerBytes ? "request" : "answer";
  const times = small.filter((time) => typeof time === "number");
  const error = small.find((time) => typeof time === "string");
  const seconds = (time: number | string) =>
    typeof time === "string" ? time : `${(time / 1000).toFixed(1)} s`;
  return [
    `${transport}, ${megabits} Mbit/s, ${roundTrip} ms, ${way} of ${Math.max(requestBytes, answerBytes)} bytes`,
    `${seconds(large)} (the line alone: ${seconds(ideal)})`,
    `small calls ${times.length} of ${small.length}, at most ${seconds(Math.max(0, ...times))}`,
    ...(error === undefined ? [] : [error]),
  ].join("; ");
}

async function hostile(plan: HostileSoakPlan): Promise<boolean> {
  const { seconds, width, seed } = plan;
  console.log(`seed ${seed}: ${width} attacks at a time, for ${seconds} s`);
  const { lines, isKept } = reportHostile(await soakHostile(plan, console.log));
  for (const line of lines) console.log(line);
  return isKept;
}

async function mcp(plan: McpSoakPlan): Promise<boolean> {
  const { seconds, servers, clients, seed } = plan;
  console.log(`seed ${seed}: ${clients} clients of ${servers} MCP servers, for ${seconds} s`);
  const result = await soakMcp(plan, console.log);
  for (const line of mcpSoakLines(result)) console.log(line);
  return isMcpKept(result) && (seconds < longEnough || isFlat({ server: result.resident }));
}

async function link(plan: LinkSoakPlan): Promise<boolean> {
  const { seconds, agents, streams, seed } = plan;
  console.log(`seed ${seed}: ${streams} streams at a time from ${agents} agents, for ${seconds} s`);
  const result = await soakLink(plan, console.log);
  const { whole, errors, wrong, hung, longestOver, faults, recovered, resident } = result;
  console.log(`faults: ${countsOf(faults)}`);
  console.log(`${whole} whole streams; ended in one error: ${countsOf(errors) || "none"}`);
  console.log(
    `${wrong.length} wrong, ${hung.length} hung; all models back ${recovered.toFixed(0)} ms after the last fault`,
  );
  console.log(`the slowest took ${(longestOver / 1000).toFixed(1)} s longer than its tokens`);
  for (const what of wrong.slice(0, 20)) console.log(`wrong: ${what}`);
  for (const what of hung.slice(0, 20)) console.log(`hung: ${what}`);
  for (const [who, { first, last }] of Object.entries(resident)) {
    // No agent was left alone long enough to be looked at.
    if (Number.isNaN(first + last)) continue;
    console.log(`resident ${who}: ${megabytes(first).toFixed(0)} MB, then ${megabytes(last).toFixed(0)} MB`);
  }
  return wrong.length === 0 && hung.length === 0 && whole > 0 && (seconds < longEnough || isFlat(resident));
}

function isFlat(resident: Record<string, { first: number; last: number }>): boolean {
  return Object.values(resident).every(({ first, last }) => last <= first * (1 + growth));
}

if (import.meta.main) {
  await main();
  // Connections that were held up to the last would keep the process for as long as their peers believe in them.
  process.exit();
}
