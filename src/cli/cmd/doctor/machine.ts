import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../../errors.ts";
import { reasonText } from "../../../system-errors.ts";
import { controlPaths, controlSocket } from "../../../wire/agent-control.ts";
import { agentStatus } from "../../client/agent-answers.ts";
import { ApiClient } from "../../client/client.ts";
import { readConfig } from "../../client/config.ts";
import type { Check } from "./check.ts";

/** Checks that `config.json` can be read. */
export function checkConfig(home: string): Check {
  const name = "config";
  const path = join(home, "config.json");
  try {
    const config = readConfig(home) as { llm?: { providers?: unknown } };
    if (!existsSync(path)) return { name, verdict: "skip", detail: `${path} does not exist` };
    const providers = Array.isArray(config.llm?.providers) ? config.llm.providers.length : 0;
    return { name, verdict: "ok", detail: `${path}, ${providers} providers`, figures: { providers } };
  } catch (error) {
    const detail = error instanceof AppError ? error.message : `${path} cannot be read: ${reasonText(error)}`;
    return { name, verdict: "fail", detail };
  }
}

/** Checks if an agent runs on this machine, by its socket. */
export async function checkAgent(home: string, signal: AbortSignal): Promise<Check> {
  const name = "agent";
  const path = join(home, controlSocket);
  if (!existsSync(path)) return { name, verdict: "skip", detail: "no agent runs on this machine" };
  const agent = new ApiClient({ url: `unix://${path}` }, { timeout: 3_000, signal });
  try {
    const { pid, server, transport } = await agent.call("GET", controlPaths.status, {
      answer: agentStatus,
    });
    const runs = `runs (pid ${Number(pid)})`;
    if (server === undefined || transport === undefined) return { name, verdict: "ok", detail: runs };
    const figures = { pid: Number(pid), transport: transport === null ? null : String(transport) };
    if (transport === null)
      return { name, verdict: "warn", detail: `${runs}, but is not connected to ${server}`, figures };
    return { name, verdict: "ok", detail: `${runs}, connected to ${server} by ${transport}`, figures };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    const isLeftOver = error.code === "connection_failed";
    const detail = isLeftOver
      ? `${path} is left from an agent that was killed; start it again with: mcpctl agent`
      : `${path} exists, but is not the socket of an agent: ${error.message}`;
    return { name, verdict: "warn", detail };
  }
}
