/**
 * Measures the compiled server against a plain proxy, in the same minutes on the same machine, and prints what it
 * found as Markdown. It measures: a target that is missed is told, and is no failure.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readBeside } from "./beside.ts";
import { measureLink } from "./link.ts";
import { type McpPlan, measureMcp } from "./mcp.ts";
import { Installation, mcpctlCommand } from "./mcpctl.ts";
import { measurePools } from "./pools.ts";
import { Processes } from "./processes.ts";
import { markdown, type Report } from "./report.ts";
import { baoDelay, measureSecrets } from "./secrets.ts";
import { measureStart } from "./start.ts";
import { measureStreams } from "./streams.ts";
import { ownName, prepare, type Setting, withSubjects } from "./subjects.ts";
import { measureThroughput } from "./throughput.ts";
import { measureTranslated } from "./translated.ts";

const usage = `bun run bench [LANE] [--quick] [--peers] [--beside GATEWAY]… [--only LANE] [--binary FILE] [--against DIR] [--flag=FLAG]… [--json FILE]

  --quick        short rounds, for a first look
  --peers        other gateways in the same run, installed from npm, and a bare Bun proxy
  --only LANE    throughput, streams, translated, pools, link, mcp, secrets or start
  --binary FILE  another build than dist/mcpctl
  --beside NAME=URL,MODEL[,HEADER: VALUE]…
                 a gateway that runs already, such as 'Busbar=http://127.0.0.1:8080/v1,bench-model,authorization: Bearer x'.
                 Only with a lane (throughput or streams) and --upstream; Linux only; repeatable
  --upstream PORT
                 port of the upstream that such gateways lead to: it speaks OpenAI chat
  --against DIR  another checkout whose dist/mcpctl is measured in the same rounds (throughput and streams)
  --flag=FLAG    a flag of the server, such as --flag=--plain-listener; the other checkout has none (throughput and streams)
  --json FILE    the figures, for programs`;

const {
  values: options,
  positionals: [lane = undefined],
} = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    beside: { type: "string", multiple: true, default: [] },
    upstream: { type: "string" },
    only: { type: "string" },
    binary: { type: "string" },
    against: { type: "string" },
    flag: { type: "string", multiple: true, default: [] },
    json: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const pace = options.quick
  ? { warmUp: 300, duration: 1000, rounds: 3 }
  : { warmUp: 1000, duration: 5000, rounds: 3 };
const streamPlan = options.quick
  ? { streams: [100, 1000], tokens: 150, rounds: 1 }
  : { streams: [100, 1000], tokens: 500, rounds: 3 };
const translatedPlan = options.quick
  ? { streams: 100, tokens: { short: 50, long: 100 }, rounds: 1 }
  : { streams: 100, tokens: { short: 50, long: 250 }, rounds: 3 };
const linkPlan = options.quick
  ? { streams: 8, tokens: 300, rounds: 1, many: { streams: 500, agents: 10, tokens: 30 } }
  : { streams: 8, tokens: 300, rounds: 3, many: { streams: 500, agents: 10, tokens: 300 } };
const mcpPlan: McpPlan = { ...pace, concurrent: [1, 10], sessions: 1000 };
const secretsPlan = { rate: 2000, duration: options.quick ? 5000 : 70_000 };
const startPlan = { starts: 10, calls: 20 };

type Lane = (setting: Setting, report: Report) => Promise<void>;

const lanes: Record<string, Lane> = {
  throughput: (setting, report) =>
    withSubjects(setting, undefined, async (subjects) => {
      report.throughput = [];
      for (const connections of [1, 32, 256]) {
        say(`throughput at ${connections} connections`);
        report.throughput.push(
          ...(await measureThroughput(setting.processes, subjects, { connections }, pace)),
        );
      }
      const own = report.throughput.find((row) => row.subject === ownName && row.connections === 32)!;
      const rate = Math.round(own.perSecond / 2);
      say(`latency at ${rate} requests/s`);
      // A peer could not keep up with a rate that is half of what this server can do.
      const alone = { ...subjects, peers: [] };
      const rows = await measureThroughput(setting.processes, alone, { connections: 32, rate }, pace);
      report.atRate = { rate, rows };
    }),

  streams: (setting, report) =>
    withSubjects(setting, streamPlan.tokens, async (subjects) => {
      report.streams = [];
      for (const streams of streamPlan.streams) {
        say(`${streams} streams of ${streamPlan.tokens} tokens`);
        report.streams.push(...(await measureStreams(setting.processes, subjects, streams, streamPlan)));
      }
    }),

  async translated(setting, report) {
    say(`${translatedPlan.streams} streams at a time, passed through and translated`);
    report.translated = await measureTranslated(setting, translatedPlan);
  },

  async pools(setting, report) {
    say("one llm, and a pool of four");
    report.pools = await measurePools(setting, 32, pace);
  },

  async link(setting, report) {
    say("models of workstations");
    report.link = await measureLink(setting, command, linkPlan);
  },

  async mcp(setting, report) {
    say("MCP servers");
    report.mcp = await measureMcp(setting, command, mcpPlan, say);
  },

  async secrets(setting, report) {
    say(`a key in OpenBao that takes ${baoDelay} ms, for ${secretsPlan.duration / 1000} s each`);
    report.secrets = await measureSecrets(setting, secretsPlan);
  },

  async start({ processes, installation }, report) {
    say("start, idle memory, get llms");
    report.start = await measureStart(processes, installation, startPlan);
  },
};

const asked = options.only ?? lane;
const chosen = Object.keys(lanes).filter((one) => asked === undefined || one === asked);
if (options.help || chosen.length === 0) {
  console.log(usage);
  process.exit(options.help ? 0 : 2);
}

const beside = await readBeside(options, asked).catch((error: Error) => {
  console.error(`error: ${error.message}`);
  process.exit(2);
});
const command = mcpctlCommand(options.binary);
say(`mcpctl is ${command.join(" ")}`);
const processes = new Processes();
const { against } = options;
const other =
  against === undefined
    ? undefined
    : new Installation(processes, mcpctlCommand(join(against, "dist/mcpctl")), "other");
const setting = await prepare(processes, new Installation(processes, command, "mcpctl", {}, options.flag), {
  withPeers: options.peers,
  against: other,
  beside,
});
const report: Report = {};
for (const one of chosen) await lanes[one]!(setting, report);

console.log(`# mcpctl beside a plain proxy

${cpus().length} × ${cpus()[0]?.model}, shared by load, upstream and server; Bun ${Bun.version}. For each call mcpctl checks a token, its rights and its limits, adds the provider's key and commits an audit event.

${markdown(report)}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
process.exit();

/** On stderr: what is printed on stdout is the report. */
function say(text: string): void {
  console.error(text);
}
