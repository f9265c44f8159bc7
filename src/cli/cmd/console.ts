import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { isName } from "../../kinds/names.ts";
import { legacyRevisions, modernRevisions } from "../../mcp/revisions.ts";
import { jsonText } from "../../wire/text.ts";
import type { ApiClient } from "../client/client.ts";
import { listObjects, withNearestName } from "../client/objects.ts";
import { clientFor } from "../core/api-client.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { withTimeout } from "../core/deadline.ts";
import { wantsJson } from "../output/format.ts";

/** `mcpctl console [PROJECT]` */
export const consoleVerb = defineVerb({
  meta: {
    name: "console",
    description: "Show what a model sees of a project, and try its tools",
    about: `Connects to a project as an MCP client does, and shows its tools, resources and prompts in the terminal. A
      tool's arguments are a form made from its schema; the result can be read as text or as JSON-RPC, and copied as a
      curl command. Your own rights hold, and each call counts and is in the audit log.

      With --traffic it begins with everybody's messages of the project, which needs the role edit on it. The project
      keeps them if its field traffic says so. With -o json they are printed, one on a line, and no terminal is needed.`,
    usage: "[PROJECT] [flags]",
    examples: [
      ["mcpctl console website", "Show the project website"],
      ["mcpctl console website --traffic", "Follow the messages of all its clients"],
      ["mcpctl console website --traffic -o json | jq .method", "Print them"],
      ["mcpctl console website --revision 2025-11-25", "See what clients with sessions see"],
    ],
  },
  output: ["json"],
  args: {
    project: {
      type: "positional",
      required: false,
      description: "The project; left out, the one of -p, or the only one there is",
      complete: { kind: "project" },
    },
    traffic: { type: "boolean", description: "Begin with everybody's messages" },
    revision: {
      type: "enum",
      options: [...modernRevisions, ...legacyRevisions],
      description: "The revision of MCP to speak (default: the newest)",
    },
  },
  async run({ project: word, traffic, revision }, context) {
    const json = wantsJson(context.flags.output);
    if (json && !traffic) throw new AppError("usage", "-o json needs --traffic");
    if (!json) mustBeTerminal(context);
    const project = word ?? context.flags.project ?? (await onlyProject(context));
    if (!isName(project)) throw new AppError("usage", `"${project}" cannot be the name of a project`);
    const client = await quietClient(context);
    try {
      if (json) {
        await printTraffic(client, project, context);
        return 0;
      }
      const { runConsole } = await import("./console/run-console.ts");
      return await runConsole({ client, project, traffic, revision, context });
    } catch (error) {
      throw await withNearestName(error, kindOf("project"), project, client);
    }
  },
});

/** Throws AppError `usage` if there is no terminal that can show a screen. */
function mustBeTerminal({ terminal, env }: Context): void {
  if (!terminal.inIsTerminal || !terminal.outIsTerminal)
    throw new AppError("usage", "the console needs a terminal for its input and output", {
      hint: "in a script: mcpctl test mcp -p PROJECT, or mcpctl console PROJECT --traffic -o json",
    });
  if (env["TERM"] === "dumb" || !env["TERM"])
    throw new AppError(
      "usage",
      `the console needs a terminal that can move its cursor; TERM is ${env["TERM"] || "not set"}`,
      {
        hint: "in such a terminal: mcpctl test mcp -p PROJECT",
      },
    );
}

async function onlyProject(context: Context): Promise<string> {
  const projects = await listObjects(kindOf("project"), context);
  const [only, ...others] = projects.map(({ name }) => name);
  if (only === undefined)
    throw new AppError("not_found", "there is no project that you may see", {
      hint: "create one: mcpctl create project NAME",
    });
  if (others.length > 0)
    throw new AppError("usage", "a project is required: mcpctl console PROJECT", {
      hint: `there are ${[only, ...others].slice(0, 10).join(", ")}${others.length > 9 ? ", …" : ""}`,
    });
  return only;
}

/** Returns a client that writes nothing into the screen, and whose requests have no time limit. */
async function quietClient(context: Context): Promise<ApiClient> {
  const { endpoint } = await context.client();
  const { timeout: _, ...flags } = context.flags;
  const client = clientFor(endpoint, { ...context, flags: { ...flags, timeout: undefined, verbose: false } });
  context.terminal.handOver();
  return client;
}

/** Prints everybody's messages, each on a line. */
async function printTraffic(client: ApiClient, project: string, context: Context): Promise<void> {
  const { explainedTraffic, followTraffic } = await import("./console/traffic-feed.ts");
  const { terminal } = context;
  const signal = withTimeout(context);
  try {
    for await (const event of followTraffic(client, project, { signal, tail: 1000 })) {
      if (event.kind === "message") terminal.out(jsonText(event.item, 0));
      else if (event.kind === "gap") terminal.err("some messages are missing: the reader was too slow\n");
      else if (event.kind === "lost") terminal.err(`${event.reason}; trying again\n`);
      else if (event.traffic === "off")
        terminal.err(`nothing is kept of project "${project}": its field traffic is off\n`);
      else if (event.severalNodes) terminal.err(`these are the messages of server ${event.node} only\n`);
      await terminal.drain();
    }
  } catch (error) {
    throw explainedTraffic(error, project);
  }
}
