import { defineVerb } from "../../cli/core/command.ts";
import type { Context } from "../../cli/core/context.ts";
import { wantsJson } from "../../cli/output/format.ts";
import { AppError } from "../../errors.ts";
import { isName, nameRule } from "../../kinds/names.ts";
import { createOutbound } from "../../net/outbound.ts";
import { homeFolder } from "../../processes/home-folder.ts";
import { proxyRule } from "../../proxies.ts";
import { jsonText } from "../../wire/text.ts";
import { type ConfigChange, changeConfig } from "../config/change.ts";
import {
  type ConfigEntry,
  entriesIn,
  findEntry,
  kindOfList,
  noSuchEntry,
  pathOf,
} from "../config/entries.ts";
import { type ConfigPlace, configPath, configPlace } from "../config/parse.ts";
import { readAgentConfig } from "../config/watch.ts";
import type { AgentConfig } from "../core/config.ts";
import { serversOfClients } from "../discovery/client-files.ts";
import { discover, usualPorts } from "../discovery/discover.ts";
import { portOf } from "./discover.ts";
import { type Effect, effectOf } from "./published.ts";

export const publishVerb = defineVerb({
  meta: {
    name: "publish",
    description: "Publish models, MCP servers or personas of this machine",
    about: `Sets "publish" of entries of ~/.mcpctl/config.json, and leaves everything else in the file as it is. What is
      not in the file yet is searched as "mcpctl agent discover" does, and added. A running agent publishes it at once;
      otherwise the next one does. It is private to you until you share it.

      NAME is the name that "mcpctl agent discover" or "mcpctl provider" shows, or the name of a model. If a model and
      an MCP server have the same name, write llm/NAME or server/NAME.`,
    usage: "NAME... [--as NAME] [--port N...] [-o json]",
    examples: [
      ["mcpctl agent publish ollama-qwen3-8b", "Publish a model that was found on this machine"],
      ["mcpctl agent publish qwen3:8b --as qwen-alice", "Publish a model under another name"],
      ["mcpctl agent publish my-model --port 8090", "Find the model on this port"],
    ],
  },
  output: ["json"],
  args: {
    names: { type: "positional", valueHint: "NAME", multiple: true, required: true, complete: "providers" },
    as: { type: "string", valueHint: "NAME", description: "Its name on the server, for one NAME" },
    port: {
      type: "string",
      multiple: true,
      description: "Search a model that is not in the config on this port instead of the usual ones",
    },
  },
  async run({ names, as, port }, context) {
    if (as !== undefined && names.length > 1) throw new AppError("usage", "--as goes with one NAME");
    if (as !== undefined && !isName(as))
      throw new AppError("usage", `--as: "${as}" is not a name: names have ${nameRule}`);
    const ports = port.length > 0 ? port.map(portOf) : usualPorts;
    return await change(context, { names, publish: true, as, ports });
  },
});

export const unpublishVerb = defineVerb({
  meta: {
    name: "unpublish",
    description: "Withdraw models, MCP servers or personas that this machine publishes",
    about: `Sets "publish" of entries of ~/.mcpctl/config.json to false, and leaves everything else in the file as it is.
      A running agent withdraws them at once: running calls of them end. The entries stay in the file.`,
    usage: "NAME... [-o json]",
    examples: [["mcpctl agent unpublish ollama-qwen3-8b", "Stop publishing a model"]],
  },
  output: ["json"],
  args: {
    names: { type: "positional", valueHint: "NAME", multiple: true, required: true, complete: "providers" },
  },
  run: ({ names }, context) => change(context, { names, publish: false, as: undefined, ports: [] }),
});

interface Wish {
  names: readonly string[];
  publish: boolean;
  as: string | undefined;
  ports: readonly number[];
}

/** An entry to change, and the changes of the file. */
interface Planned {
  entry: ConfigEntry;
  changes: ConfigChange[];
}

/** Changes the config, waits for the agent, and prints the result. Returns 1 if the server refuses an entry. */
async function change(context: Context, wish: Wish): Promise<number> {
  const { terminal, flags, home, env } = context;
  const json = wantsJson(flags.output);
  const place = configPlace(home, homeFolder(env));
  const config = readAgentConfig(configPath(place), place);
  const planned = await plan(wish, config, place, env);
  changeConfig(
    place,
    planned.flatMap(({ changes }) => changes),
  );
  const results: { entry: ConfigEntry; effect: Effect }[] = [];
  for (const { entry } of planned) results.push({ entry, effect: await effectOf(entry, context) });
  if (json) terminal.out(jsonText(results.map(({ entry, effect }) => ({ ...shown(entry), ...effect }))));
  else for (const { entry, effect } of results) print(entry, effect, place, context);
  return results.some(({ effect }) => effect.state === "refused") ? 1 : 0;
}

async function plan(
  wish: Wish,
  config: AgentConfig,
  place: ConfigPlace,
  env: Context["env"],
): Promise<Planned[]> {
  const { names, publish, as } = wish;
  const entries = entriesIn(config);
  const rest = names.filter((name) => !findEntry(name, entries));
  const found = publish && rest.length > 0 ? await search(wish, config, place, env) : [];
  return [...new Set(names)].map((name) => {
    const known = findEntry(name, entries);
    if (known) return changed(known, publish, as);
    const fresh = findEntry(name, found);
    if (!fresh)
      throw noSuchEntry(
        name,
        [...entries, ...found],
        publish ? "to see what is found: mcpctl agent discover" : `the entries are in ${place.file}`,
      );
    if (fresh.refusal !== undefined)
      throw new AppError("invalid_request", `MCP server "${name}" cannot be published: ${fresh.refusal}`);
    return added(fresh, as);
  });
}

function changed(known: ConfigEntry, publish: boolean, as: string | undefined): Planned {
  if (as !== undefined && known.list === "agents")
    throw new AppError("usage", "--as is not possible for a persona: change its name in the config");
  const path = pathOf(known);
  const changes = [
    ...(known.publish === publish ? [] : [{ path: [...path, "publish"], value: publish }]),
    ...(as === undefined || as === known.publishedAs ? [] : [{ path: [...path, "publishName"], value: as }]),
  ];
  return { entry: { ...known, publish, publishedAs: as ?? known.publishedAs }, changes };
}

/** A model or MCP server that is not in the config yet. */
interface Fresh extends Pick<ConfigEntry, "list" | "name" | "model"> {
  fields: Readonly<Record<string, unknown>>;
  /** The reason why it cannot be added. */
  refusal?: string;
}

function added({ fields, ...entry }: Fresh, as: string | undefined): Planned {
  const value = { ...fields, publish: true, ...(as !== undefined && { publishName: as }) };
  return {
    entry: { ...entry, publish: true, publishedAs: as ?? entry.name },
    changes: [{ path: pathOf(entry), value }],
  };
}

async function search(
  { ports }: Wish,
  config: AgentConfig,
  place: ConfigPlace,
  env: Context["env"],
): Promise<Fresh[]> {
  const outbound = createOutbound({ proxyFor: proxyRule(env) });
  const { found } = await discover(outbound, config.providers, ports).finally(() => outbound.close());
  const servers = serversOfClients(place.userHome, [], config.mcpServers);
  return [
    ...found
      .filter(({ configured }) => !configured)
      .map(({ name, type, model, url }) => ({
        ...{ list: "providers" as const, name, model },
        fields: { name, type, model, url },
      })),
    ...servers
      .filter(({ configured }) => !configured)
      .map(({ name, entry, refusal }) => ({
        ...{ list: "mcpServers" as const, name },
        fields: entry ?? {},
        ...(refusal !== null && { refusal }),
      })),
  ];
}

function shown({ list, name, publish, publishedAs }: ConfigEntry): object {
  return { kind: kindOfList[list], name, publish, publishedAs: publish ? publishedAs : null };
}

function print(entry: ConfigEntry, effect: Effect, place: ConfigPlace, { terminal }: Context): void {
  const { list, publish, publishedAs } = entry;
  const kind = kindOfList[list];
  const what = `${kind} '${publishedAs}'`;
  const { state, reason, server = "the server" } = effect;
  if (state === "done") {
    terminal.out(`${what} ${publish ? `published to ${server}` : `withdrawn from ${server}`}\n`);
    if (publish) terminal.err(`To show it: mcpctl get ${kind} ${publishedAs}\n`);
    return;
  }
  terminal.out(`${what} ${publish ? "to be published" : "no longer published"} by ${place.file}\n`);
  if (state === "refused") return terminal.err(`error: the server refuses it: ${reason}\n`);
  const next = {
    stopped: publish
      ? "No agent runs on this machine. To publish it: mcpctl agent, or mcpctl agent install\n"
      : "No agent runs on this machine: the server deletes it four hours after the agent was there last.\n",
    offline: `The agent has no connection to ${server} now, and does it when it has. To find the reason: mcpctl doctor\n`,
    waiting: `The agent has not done it yet. To see its state: mcpctl provider\n`,
  };
  terminal.err(next[state]);
}
