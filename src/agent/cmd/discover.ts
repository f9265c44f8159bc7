import { resolve } from "node:path";
import { defineVerb } from "../../cli/core/command.ts";
import type { Context } from "../../cli/core/context.ts";
import { wantsJson } from "../../cli/output/format.ts";
import { table } from "../../cli/output/table.ts";
import { AppError } from "../../errors.ts";
import { createOutbound } from "../../net/outbound.ts";
import { homeFolder } from "../../processes/home-folder.ts";
import { proxyRule } from "../../proxies.ts";
import { jsonText } from "../../wire/text.ts";
import { configPath, configPlace } from "../config/parse.ts";
import { readAgentConfig } from "../config/watch.ts";
import { type FoundServer, serversOfClients } from "../discovery/client-files.ts";
import { addToConfig, discover, type Found, lookedFor, usualPorts } from "../discovery/discover.ts";

export const discoverVerb = defineVerb({
  meta: {
    name: "discover",
    description: "Find the models that run on this machine, and the MCP servers of its clients",
    about: `Asks the usual local ports for Ollama, LM Studio, llama.cpp, vLLM and any other server with OpenAI's API, and
      lists their models. Lists
      the MCP servers that Claude Desktop, Claude Code, VS Code and Cursor are set up with in the user's home; --from reads
      another file of that form. It starts nothing, changes nothing without --write, and never publishes: "mcpctl agent
      publish NAME" does.`,
    usage: "[--write] [--port N...] [--from FILE...] [-o json]",
    examples: [
      ["mcpctl agent discover", "List the models that are found"],
      ["mcpctl agent discover --port 8090", "List those of a server on another port"],
      ["mcpctl agent discover --write", "Add new ones to the config, unpublished"],
      ["mcpctl agent discover --from .vscode/mcp.json", "List the MCP servers of a file"],
    ],
  },
  output: ["json"],
  args: {
    write: { type: "boolean", description: "Add new models to ~/.mcpctl/config.json, unpublished" },
    port: { type: "string", multiple: true, description: "Ask this port instead of the usual ones" },
    from: {
      type: "string",
      multiple: true,
      valueHint: "FILE",
      description: "Read the MCP servers of this file instead of the usual ones, and look for no models",
    },
  },
  async run(args, context) {
    const { terminal, flags, home, env } = context;
    const json = wantsJson(flags.output);
    const place = configPlace(home, homeFolder(env));
    const ports = args.port.length > 0 ? args.port.map(portOf) : usualPorts;
    const config = readAgentConfig(configPath(place), place);
    const outbound = createOutbound({ proxyFor: proxyRule(env) });
    const files = args.from.map((file) => resolve(file));
    const searched = files.length > 0 ? [] : ports;
    const { found, empty, locked } = await discover(outbound, config.providers, searched).finally(() =>
      outbound.close(),
    );
    const servers = serversOfClients(place.userHome, files, config.mcpServers);
    const added = args.write ? addToConfig(found, servers, place) : [];
    const all = [...found, ...servers];
    if (json) terminal.out(jsonText(all.map((one) => ({ ...shown(one), added: added.includes(one) }))));
    else {
      if (found.length > 0) printTable(found, context);
      if (servers.length > 0) printServers(servers, context);
    }
    for (const server of empty) terminal.err(`${server} has no models yet.\n`);
    for (const server of locked)
      terminal.err(
        `${server} wants an API key: add its model to ${place.file} by hand, with the key in a file of its own (apiKeyFile).\n`,
      );
    if (all.length === 0 && empty.length + locked.length > 0) return;
    terminal.err(closing(all, added.length, { ...place, written: args.write, ports }));
  },
});

function printTable(found: readonly Found[], { terminal }: Context): void {
  const rows = found.map(({ name, type, model, url }) => [name, type, model, url]);
  const { columns, color } = terminal;
  terminal.out(table(["NAME", "TYPE", "MODEL", "URL"], rows, { columns, color, headers: true }));
}

function printServers(servers: readonly FoundServer[], { terminal }: Context): void {
  const rows = servers.map(({ name, source, from, refusal }) => [name, source, from, refusal ?? "-"]);
  const { columns, color } = terminal;
  terminal.out(
    table(["MCP-SERVER", "SOURCE", "FROM", "NOT-USABLE"], rows, { columns, color, headers: true }),
  );
}

/** Returns what is printed: arguments and values of an entry can be keys. */
function shown(one: Found | FoundServer): object {
  if (!("from" in one)) return one;
  const { entry: _, ...rest } = one;
  return { ...rest, type: "mcp" };
}

function closing(
  found: readonly (Found | FoundServer)[],
  added: number,
  { file, written, ports }: { file: string; written: boolean; ports: readonly number[] },
): string {
  if (found.length === 0) return `Nothing found: ${lookedFor(ports)}.\n`;
  const fresh = found.filter((one) => !(one.configured || ("refusal" in one && one.refusal !== null))).length;
  if (fresh === 0) return `All that can be used is in ${file} already.\n`;
  if (!written)
    return `${fresh} not in ${file} yet. To publish one: mcpctl agent publish NAME; to add all, unpublished: mcpctl agent discover --write\n`;
  return `${added} added to ${file}, unpublished. To publish one: mcpctl agent publish NAME\n`;
}

/** Reads the value of --port. Throws AppError `usage`. */
export function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new AppError("usage", `--port: "${text}" is not a port`);
}
