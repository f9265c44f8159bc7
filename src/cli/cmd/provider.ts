import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { didYouMean, nearest } from "../../kinds/names.ts";
import { controlPaths, controlSocket, type ProviderReport } from "../../wire/agent-control.ts";
import { providerReport, providerReports } from "../client/agent-answers.ts";
import type { ApiClient } from "../client/client.ts";
import { clientFor } from "../core/api-client.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { aligned } from "../output/describe.ts";
import { type DataPrinter, dataPrinter, objectFormats } from "../output/format.ts";
import { table } from "../output/table.ts";
import { later, progressOn } from "../terminal/progress.ts";

/** Milliseconds between two requests for the state of a provider that is being woken. */
const pollInterval = 1_000;

export const provider = defineVerb({
  meta: {
    name: "provider",
    description: "List the providers of this machine's agent, or wake, stop or show one",
    about: `Talks to the agent that runs on this machine as the same user, not to the server. "up" wakes or starts a
      provider and waits until it answers; "down" stops a vLLM that the agent has started. MCP servers of
      the config are listed with the type mcp, and started and stopped in the same way. Providers are configured in ~/.mcpctl/config.json.`,
    usage: "[NAME up|down|status] [-o json|yaml]",
    examples: [
      ["mcpctl provider", "List all providers, published or not"],
      ["mcpctl provider qwen up", "Wake or start a provider"],
      ["mcpctl provider qwen down", "Stop a vLLM that the agent runs"],
    ],
  },
  output: objectFormats,
  args: {
    name: {
      type: "positional",
      required: false,
      complete: "providers",
      description: "Its name in the config",
    },
    action: {
      type: "positional",
      required: false,
      complete: ["up", "down", "status"],
      description: "up, down or status (default status)",
    },
  },
  async run({ name, action = "status" }, context) {
    const print = await dataPrinter(context.flags.output);
    const agent = agentOf(context);
    if (name === undefined) return list(await providersOf(agent), print, context);
    if (action !== "up" && action !== "down" && action !== "status")
      throw new AppError("usage", `unknown action "${action}"`, {
        hint: didYouMean(action, ["up", "down", "status"]) ?? "write up, down or status",
      });
    const before = named(name, await providersOf(agent));
    if (action === "status") return context.terminal.out(print ? print(before) : shown(before));
    const after = action === "up" ? await up(name, agent, context) : await post(name, "down", agent);
    context.terminal.out(print ? print(after) : `provider '${name}' is ${stateText(after)}\n`);
  },
});

function list(providers: readonly ProviderReport[], print: DataPrinter, { terminal }: Context): void {
  if (print) return terminal.out(print(providers));
  if (providers.length === 0)
    return terminal.err("No providers found. To find models on this machine: mcpctl agent discover\n");
  const rows = providers.map((one) => [
    one.name,
    one.type,
    one.model,
    one.state,
    one.publishedAs ?? "-",
    one.detail ?? "-",
  ]);
  const { columns, color } = terminal;
  const headers = ["NAME", "TYPE", "MODEL", "STATE", "PUBLISHED-AS", "DETAIL"];
  terminal.out(table(headers, rows, { columns, color, headers: true }));
}

/** Wakes or starts a provider without a time limit, and shows its state meanwhile. */
async function up(name: string, agent: ApiClient, context: Context): Promise<ProviderReport> {
  const progress = progressOn(context);
  progress.show(`waking ${name}`);
  let isOver = false;
  let cancel = () => {};
  const pollLater = () => {
    cancel = later(pollInterval, async () => {
      const report = (await providersOf(agent).catch(() => [])).find((one) => one.name === name);
      if (isOver) return;
      if (report) progress.show(`${name} is ${stateText(report)}`);
      pollLater();
    });
  };
  pollLater();
  try {
    return await post(name, "up", agent);
  } catch (error) {
    throw await withDetail(error, name, agent);
  } finally {
    isOver = true;
    cancel();
    progress.end();
  }
}

/** Adds the agent's detail to an error: remote callers do not see it, the owner of the machine does. */
async function withDetail(error: unknown, name: string, agent: ApiClient): Promise<unknown> {
  if (!(error instanceof AppError) || error.code === "interrupted") return error;
  const report = (await providersOf(agent).catch(() => [])).find((one) => one.name === name);
  const { detail = null } = report ?? {};
  if (detail === null || error.message.includes(detail)) return error;
  return new AppError(error.code, `${error.message}: ${detail}`, {
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
  });
}

function named(name: string, providers: readonly ProviderReport[]): ProviderReport {
  const report = providers.find((one) => one.name === name);
  if (report) return report;
  const near = nearest(
    name,
    providers.map((one) => one.name),
  );
  throw new AppError("not_found", `provider "${name}" not found`, {
    hint:
      near === undefined
        ? "to see all providers: mcpctl provider"
        : `did you mean "${near}"? To see all providers: mcpctl provider`,
  });
}

function stateText({ state, detail }: ProviderReport): string {
  return detail === null ? state : `${state}: ${detail}`;
}

function shown(report: ProviderReport): string {
  const lines = [
    { label: "Name", value: report.name },
    { label: "Type", value: report.type },
    { label: "Model", value: report.model },
    { label: "State", value: report.state },
    { label: "Detail", value: report.detail ?? "-" },
    { label: "In memory", value: report.resident === null ? "unknown" : report.resident ? "yes" : "no" },
    { label: "Running calls", value: String(report.inFlight) },
    { label: "Published as", value: report.publishedAs ?? "-" },
    { label: "Stands in for", value: report.failoverFor ?? "-" },
    { label: "Pid", value: report.pid === null ? "-" : String(report.pid) },
  ];
  return `${aligned(lines, "").join("\n")}\n`;
}

/** The client of this user's agent on this machine. Flags about the server do not matter. */
function agentOf(context: Context): ApiClient {
  return clientFor({ url: `unix://${join(context.home, controlSocket)}` }, context, {
    waitsFor: "the agent",
  });
}

function providersOf(agent: ApiClient): Promise<ProviderReport[]> {
  return reached(agent.call("GET", controlPaths.providers, { answer: providerReports }));
}

function post(name: string, action: "up" | "down", agent: ApiClient): Promise<ProviderReport> {
  const path = `${controlPaths.providers}/${encodeURIComponent(name)}/${action}`;
  return reached(agent.call("POST", path, { unlimited: true, answer: providerReport }));
}

async function reached<T>(response: Promise<T>): Promise<T> {
  try {
    return await response;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "connection_failed") throw error;
    throw new AppError("connection_failed", "no agent runs on this machine", {
      cause: error,
      hint: "start it with: mcpctl agent",
    });
  }
}
