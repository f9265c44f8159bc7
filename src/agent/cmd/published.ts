import { join } from "node:path";
import { agentStatus } from "../../cli/client/agent-answers.ts";
import { clientFor } from "../../cli/core/api-client.ts";
import type { Context } from "../../cli/core/context.ts";
import { progressOn } from "../../cli/terminal/progress.ts";
import { AppError } from "../../errors.ts";
import { type AgentStatus, controlPaths, controlSocket } from "../../wire/agent-control.ts";
import type { ConfigEntry } from "../config/entries.ts";

/** The longest that the agent may take to register a change, in milliseconds. */
const registerMs = 10_000;
/** Milliseconds between two looks at the agent. */
const pollMs = 100;

/** The effect of a change of the config on the agent of this machine. */
export interface Effect {
  /**
   * `done`: the server knows it; `refused`: the server takes it not; `waiting`: the agent has not got through yet;
   * `offline`: the agent has no connection; `stopped`: no agent runs.
   */
  state: "done" | "refused" | "waiting" | "offline" | "stopped";
  /** The reason of a refusal. */
  reason?: string;
  /** The server that the agent publishes to. */
  server?: string;
}

/** Waits until the agent of this machine has registered, or withdrawn, an entry of the config. */
export async function effectOf(entry: ConfigEntry, context: Context): Promise<Effect> {
  const agent = clientFor({ url: `unix://${join(context.home, controlSocket)}` }, context);
  const progress = progressOn(context);
  progress.show("waiting for the agent");
  const end = Date.now() + registerMs;
  try {
    while (true) {
      const status = await statusOf(agent);
      if (!status) return { state: "stopped" };
      const effect = effectIn(status, entry);
      if (effect.state === "done" || effect.state === "refused" || Date.now() > end) return effect;
      await Bun.sleep(pollMs);
      context.signal.throwIfAborted();
    }
  } finally {
    progress.end();
  }
}

/** Returns the status of the agent of this machine; undefined if none runs. */
async function statusOf(agent: ReturnType<typeof clientFor>): Promise<AgentStatus | undefined> {
  try {
    return await agent.call("GET", controlPaths.status, { answer: agentStatus });
  } catch (error) {
    if (error instanceof AppError && error.code === "connection_failed") return undefined;
    throw error;
  }
}

function effectIn(status: AgentStatus, { list, publishedAs, publish }: ConfigEntry): Effect {
  const { published = [], refused = {}, transport, server } = status;
  const key = `${list}/${publishedAs}`;
  const at = server === undefined ? {} : { server };
  const reason = refused[key];
  if (publish && reason !== undefined) return { state: "refused", reason, ...at };
  if (published.includes(key) === publish) return { state: "done", ...at };
  return { state: (transport ?? null) === null ? "offline" : "waiting", ...at };
}
