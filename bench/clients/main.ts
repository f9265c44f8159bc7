/**
 * Runs the programs that people use against the compiled server, with a scripted provider of each kind behind it, and
 * prints what works as Markdown. The programs come from npm and PyPI, into a folder outside of the repository.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create, createToken, Installation, type Mcpctl, mcpctlCommand } from "../mcpctl.ts";
import { networkEnvironment, Processes } from "../processes.ts";
import { codingAgents } from "./agents.ts";
import type { Client } from "./client.ts";
import { startFront, writeExchanges } from "./front.ts";
import { install } from "./install.ts";
import { McpProject } from "./mcp.ts";
import { isMcp, scenarioNames } from "./model.ts";
import { pi } from "./pi.ts";
import { providerNames, providers, startProvider } from "./provider.ts";
import { markdown, type Row } from "./report.ts";
import { runScenario } from "./run.ts";
import { libraries } from "./sdks.ts";

const usage = `bun run clients [--only NAME] [--provider NAME] [--scenario NAME] [--keep] [--requests FOLDER]

  --only NAME        one client; repeat it for more
  --dialect NAME     chat, responses or messages; repeat it for more
  --provider NAME    ${providerNames.join(", ")}
  --scenario NAME    ${scenarioNames.join(", ")}
  --keep             do not delete what the clients wrote
  --requests FOLDER  write each request of each client there
  --folder FOLDER    install the clients there (default ${join(tmpdir(), "mcpctl-clients")})
  --binary FILE      another build than dist/mcpctl`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    dialect: { type: "string", multiple: true },
    provider: { type: "string", multiple: true },
    scenario: { type: "string", multiple: true },
    keep: { type: "boolean", default: false },
    requests: { type: "string" },
    folder: { type: "string", default: join(tmpdir(), "mcpctl-clients") },
    binary: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const chosen = <T extends string>(all: readonly T[], some: readonly string[] | undefined) =>
  all.filter((one) => some === undefined || some.includes(one));
const clients = [...codingAgents, ...pi, ...libraries].filter(
  ({ name, dialect }) =>
    (options.only?.includes(name) ?? true) && (options.dialect?.includes(dialect) ?? true),
);
const columns = chosen(providerNames, options.provider);
if (options.help || clients.length === 0 || columns.length === 0) {
  console.log(usage);
  process.exit(options.help ? 0 : 2);
}

const processes = new Processes(options.keep);
const installation = new Installation(processes, mcpctlCommand(options.binary), "mcpctl", networkEnvironment);
const server = await installation.start();
const front = startFront(`http://127.0.0.1:${server.port}`);
const started = Object.fromEntries(providerNames.map((name) => [name, startProvider(name)]));
const token = await furnish(server);

const scenariosOf = ({ scenarios, mcp }: Client) =>
  chosen([...scenarios, ...(mcp?.scenarios ?? [])], options.scenario);
const project = clients.some((client) => scenariosOf(client).some(isMcp))
  ? await McpProject.open(installation, server, processes.folder("orchard"))
  : undefined;

const rows: Row[] = [];
for (const client of clients) {
  const row: Row = { client, results: [] };
  rows.push(row);
  let bin: string;
  try {
    bin = await install(options.folder, client.install);
  } catch (error) {
    row.missing = String(error);
    continue;
  }
  for (const provider of columns) {
    for (const scenario of scenariosOf(client)) {
      const other = providerNames[(providerNames.indexOf(provider) + 1) % providerNames.length]!;
      const name = `${client.name}-${client.dialect}-${provider}-${scenario}`;
      const begun = performance.now();
      const failure = await runScenario({
        client,
        scenario,
        bin,
        folder: processes.folder(name),
        front,
        token,
        model: provider,
        other,
        providers: [started[provider]!, started[other]!],
        project,
      });
      row.results.push({ provider, scenario, failure });
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      console.error(`${name}: ${failure ?? "ok"} (${seconds} s)`);
      if (options.requests) writeExchanges(join(options.requests, name), front.exchanges);
    }
  }
}
console.log(markdown(rows, columns));
const left = await project?.stop();
if (project) console.log(left ?? "No process of an MCP server is left after the stop of mcpctl.");
process.exit(0);

/** Makes an llm for each provider, with the provider's name, and a token that may run them. */
async function furnish(server: Mcpctl): Promise<string> {
  mkdirSync(options.folder, { recursive: true });
  await create(server, "secrets", { name: "scripted", data: { "api-key": "sk-scripted-0123456789" } });
  for (const name of providerNames)
    await create(server, "llms?probe=false", {
      name,
      url: started[name]!.url,
      apiKeyRef: { name: "scripted", key: "api-key" },
      ...providers[name].llm,
    });
  return createToken(server, "clients", [{ role: "run", resource: "llms" }]);
}
