import { AppError } from "../../errors.ts";
import { nearest } from "../../kinds/names.ts";
import type { AgentConfig } from "../core/config.ts";

/** The lists of the config whose entries can be published. */
export type EntryList = "providers" | "mcpServers" | "agents";

/** An entry of the config that can be published. */
export interface ConfigEntry {
  list: EntryList;
  name: string;
  /** The provider's name for the model; undefined for MCP servers and personas. */
  model?: string;
  publish: boolean;
  /** The name that it has, or would have, on the server. */
  publishedAs: string;
}

/** The kind that an entry of a list becomes on the server. */
export const kindOfList: Readonly<Record<EntryList, string>> = {
  providers: "llm",
  mcpServers: "server",
  agents: "agent",
};

/** Words that name a list before a slash: `llm/qwen`, `server/notes`. */
const listOfWord: Readonly<Record<string, EntryList>> = {
  llm: "providers",
  provider: "providers",
  server: "mcpServers",
  agent: "agents",
  persona: "agents",
};

/** Returns the path of an entry in the file, for `changeConfig`. */
export function pathOf({ list, name }: Pick<ConfigEntry, "list" | "name">): string[] {
  return [...(list === "providers" ? ["llm", "providers"] : [list]), `=${name}`];
}

/** Returns all entries of a config. */
export function entriesIn({ providers, mcpServers, agents }: AgentConfig): ConfigEntry[] {
  return [
    ...providers.map(({ name, model, publish, publishName }) => ({
      ...{ list: "providers" as const, name, model, publish },
      publishedAs: publishName ?? name,
    })),
    ...mcpServers.map(({ name, publish, publishName }) => ({
      ...{ list: "mcpServers" as const, name, publish },
      publishedAs: publishName ?? name,
    })),
    ...agents.map(({ name, publish }) => ({
      ...{ list: "agents" as const, name, publish },
      publishedAs: name,
    })),
  ];
}

/**
 * Finds what a word names: an entry's name, `llm/NAME`, `server/NAME` or `agent/NAME`, or the model of one entry.
 *
 * @returns undefined if there is none
 * @throws AppError `usage` if several have that name or model
 */
export function findEntry<Entry extends Pick<ConfigEntry, "list" | "name" | "model">>(
  word: string,
  entries: readonly Entry[],
): Entry | undefined {
  const [, kind = "", rest = ""] = /^(llm|provider|server|agent|persona)s?\/(.+)$/.exec(word) ?? [];
  const list = listOfWord[kind];
  const named = entries.filter((one) => one.name === (list ? rest : word) && (!list || one.list === list));
  const meant = named.length > 0 ? named : entries.filter(({ model }) => model === word);
  if (meant.length < 2) return meant[0];
  const names = meant.map((one) => `${kindOfList[one.list]}/${one.name}`).join(", ");
  throw new AppError("usage", `"${word}" can be ${names}`, { hint: "write one of them" });
}

/** Returns the error for a word that names nothing. */
export function noSuchEntry(word: string, entries: readonly { name: string }[], hint: string): AppError {
  const near = nearest(
    word.replace(/^\w+\//, ""),
    entries.map(({ name }) => name),
  );
  const meant = near === undefined ? "" : `did you mean "${near}"? `;
  return new AppError("not_found", `nothing on this machine is called "${word}"`, {
    hint: `${meant}${meant === "" ? hint : hint[0]!.toUpperCase() + hint.slice(1)}`,
  });
}
