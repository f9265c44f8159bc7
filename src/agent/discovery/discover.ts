import type { Outbound } from "../../net/outbound.ts";
import { normaliseProviderUrl } from "../../net/provider-url.ts";
import { readPrivateFile, writePrivateFile } from "../../private-file.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import { type ConfigPlace, configPath } from "../config/parse.ts";
import { readAgentConfig } from "../config/watch.ts";
import type { ProviderConfig } from "../core/config.ts";
import type { FoundServer } from "./client-files.ts";
import { fingerprint, modelsOf, type RuntimeKind } from "./fingerprints.ts";
import { freeName } from "./free-name.ts";
import { namesModel } from "./model-names.ts";
import { createProbe } from "./probe.ts";

/** A model of a server on this machine. */
export interface Found {
  /** Its name in the config, or the name that it would get there. */
  name: string;
  type: string;
  model: string;
  url: string;
  runtime: RuntimeKind;
  /** True if the config contains it. */
  configured: boolean;
}

/** The models that were found, and the servers without models. */
export interface Discovery {
  found: Found[];
  /** Texts such as `Ollama at http://127.0.0.1:11434`. */
  empty: string[];
}

/** Default ports of the servers. */
export const usualPorts: readonly number[] = [11434, 1234, 8080, 9931, 8000, 13305, 4000];

/** The longest that the search on one port may take, in milliseconds. */
const limit = 1_000;

const types: Readonly<Record<RuntimeKind, { type: string; prefix: string }>> = {
  Ollama: { type: "ollama", prefix: "ollama" },
  "LM Studio": { type: "openai", prefix: "lm-studio" },
  "llama.cpp": { type: "openai", prefix: "llama-cpp" },
  vLLM: { type: "vllm", prefix: "vllm" },
  Lemonade: { type: "openai", prefix: "lemonade" },
  LiteLLM: { type: "openai", prefix: "litellm" },
};

/**
 * Finds the models of servers on the loopback address. A server is recognised by its responses, not by its port.
 *
 * @param configured the providers of the config
 * @param ports the ports to search
 */
export async function discover(
  outbound: Outbound,
  configured: readonly ProviderConfig[],
  ports: readonly number[],
): Promise<Discovery> {
  const looks = await Promise.all(ports.map((port) => lookAt(outbound, `http://127.0.0.1:${port}`)));
  const servers = looks.filter((server) => server !== undefined);
  const taken = new Set(configured.map(({ name }) => name));
  const seenModels = servers.flatMap(({ runtime, url, models }) =>
    models.map((model) => ({ type: types[runtime].type, model, url, runtime })),
  );
  const found = seenModels.map((seen) => {
    const known = configured.find((config) => isSame(config, seen));
    if (known) return { name: known.name, ...seen, configured: true };
    const name = freeName(`${types[seen.runtime].prefix}-${shortName(seen.model)}`, taken);
    taken.add(name);
    return { name, ...seen, configured: false };
  });
  const empty = servers.filter(({ models }) => models.length === 0);
  return { found, empty: empty.map(({ runtime, url }) => `${runtime} at ${url}`) };
}

/** Describes the search, for the case that nothing was found. */
export function lookedFor(ports: readonly number[]): string {
  const names = Object.keys(types).join(", ");
  return `searched for ${names} on 127.0.0.1, ports ${ports.join(", ")}; --port searches another one`;
}

/**
 * Adds the models and MCP servers that the config does not contain yet, unpublished. The rest of the file stays as it is.
 *
 * @returns those that were added
 * @throws AppError `invalid_request` when the file has faults or is open to others; it is not changed then
 */
export function addToConfig(
  found: readonly Found[],
  servers: readonly FoundServer[],
  place: ConfigPlace,
): (Found | FoundServer)[] {
  const path = configPath(place);
  const added = found.filter(({ configured }) => !configured);
  const addedServers = servers.filter(({ configured, entry }) => !configured && entry);
  if (added.length + addedServers.length === 0) return [];
  readAgentConfig(path, place);
  const file = JSON.parse(withoutByteOrderMark(readPrivateFile(path, { secret: false }) ?? "{}")) as {
    llm?: { providers?: object[] };
    mcpServers?: object[];
  };
  const providers = [
    ...(file.llm?.providers ?? []),
    ...added.map(({ name, type, model, url }) => ({ name, type, model, url, publish: false })),
  ];
  const mcpServers = [
    ...(file.mcpServers ?? []),
    ...addedServers.map(({ entry }) => ({ ...entry, publish: false })),
  ];
  const next = {
    ...file,
    ...(added.length > 0 && { llm: { ...file.llm, providers } }),
    ...(addedServers.length > 0 && { mcpServers }),
  };
  writePrivateFile(path, `${JSON.stringify(next, null, 2)}\n`);
  return [...added, ...addedServers];
}

interface Server {
  runtime: RuntimeKind;
  url: string;
  models: string[];
}

async function lookAt(outbound: Outbound, url: string): Promise<Server | undefined> {
  const probe = createProbe(outbound, url, { timeout: limit, signal: AbortSignal.timeout(limit) });
  const runtime = await fingerprint(probe);
  if (!runtime) return undefined;
  const models = (await modelsOf(runtime, probe)) ?? [];
  // Names with control characters are left out: they may be meant to move a cursor (T42).
  const plain = models.filter((model) => /^[^\u0000-\u001f\u007f-\u009f]{1,200}$/.test(model));
  return { runtime, url, models: plain };
}

function isSame(config: ProviderConfig, { url, model }: { url: string; model: string }): boolean {
  if (config.url === undefined || !namesModel(config.model, model)) return false;
  return loopback(config.url) === loopback(url);
}

function loopback(url: string): string {
  return normaliseProviderUrl(url).replace(/^http:\/\/(?:localhost|\[::1\])(?=[:/]|$)/, "http://127.0.0.1");
}

/** Turns a model's name into a part of a provider's name: without folders and the ending of a file. */
function shortName(model: string): string {
  const base = model
    .replace(/\.gguf$/i, "")
    .replace(/^.*\//, "")
    .replace(/:latest$/, "");
  return base.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}
