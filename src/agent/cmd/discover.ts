import { defineVerb } from "../../cli/core/command.ts";
import type { Context } from "../../cli/core/context.ts";
import { wantsJson } from "../../cli/output/format.ts";
import { table } from "../../cli/output/table.ts";
import { AppError } from "../../errors.ts";
import { createOutbound } from "../../net/outbound.ts";
import { proxyRule } from "../../proxies.ts";
import { jsonText } from "../../wire/text.ts";
import { homeFolder } from "../config/home-folder.ts";
import { configPath, configPlace } from "../config/parse.ts";
import { readAgentConfig } from "../config/watch.ts";
import { addToConfig, discover, type Found, lookedFor, usualPorts } from "../discovery/discover.ts";

export const discoverVerb = defineVerb({
  meta: {
    name: "discover",
    description: "Find the models that run on this machine",
    about: `Asks the usual local ports for Ollama, LM Studio, llama.cpp, vLLM and others, and lists their models. It
      changes nothing without --write, and never publishes: set "publish" to true in the config for that.`,
    usage: "[--write] [--port N...] [-o json]",
    examples: [
      ["mcpctl agent discover", "List the models that are found"],
      ["mcpctl agent discover --write", "Add new ones to the config, unpublished"],
    ],
  },
  args: {
    write: { type: "boolean", description: "Add new models to ~/.mcpctl/config.json, unpublished" },
    port: { type: "string", multiple: true, description: "Ask this port instead of the usual ones" },
  },
  async run(args, context) {
    const { terminal, flags, home, env } = context;
    const json = wantsJson(flags.output);
    const place = configPlace(home, homeFolder(env));
    const ports = args.port.length > 0 ? args.port.map(portOf) : usualPorts;
    const config = readAgentConfig(configPath(place), place);
    const outbound = createOutbound({ proxyFor: proxyRule(env) });
    const { found, empty } = await discover(outbound, config.providers, ports).finally(() =>
      outbound.close(),
    );
    const added = args.write ? addToConfig(found, place) : [];
    if (json) terminal.out(jsonText(found.map((one) => ({ ...one, added: added.includes(one) }))));
    else if (found.length > 0) printTable(found, context);
    for (const server of empty) terminal.err(`${server} has no models yet.\n`);
    if (found.length === 0 && empty.length > 0) return;
    terminal.err(closing(found, added, { ...place, written: args.write, ports }));
  },
});

function printTable(found: readonly Found[], { terminal }: Context): void {
  const rows = found.map(({ name, type, model, url }) => [name, type, model, url]);
  const { columns, color } = terminal;
  terminal.out(table(["NAME", "TYPE", "MODEL", "URL"], rows, { columns, color, headers: true }));
}

function closing(
  found: readonly Found[],
  added: readonly Found[],
  { file, written, ports }: { file: string; written: boolean; ports: readonly number[] },
): string {
  if (found.length === 0) return `Nothing found: ${lookedFor(ports)}.\n`;
  const fresh = found.filter(({ configured }) => !configured).length;
  if (fresh === 0) return `All of them are in ${file} already.\n`;
  if (!written) return `${fresh} not in ${file} yet. To add them: mcpctl agent discover --write\n`;
  return `${added.length} added to ${file}, unpublished. To publish one, set its "publish" to true.\n`;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new AppError("usage", `--port: "${text}" is not a port`);
}
