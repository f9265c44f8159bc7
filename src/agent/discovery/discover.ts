import { isStorable } from "../../kinds/storable-text.ts";
import type { Outbound } from "../../net/outbound.ts";
import { normaliseProviderUrl } from "../../net/provider-url.ts";
import { changeConfig } from "../config/change.ts";
import type { ConfigPlace } from "../config/parse.ts";
import type { ProviderConfig } from "../core/config.ts";
import type { FoundServer } from "./client-files.ts";
import { fingerprint, modelsOf, type RuntimeKind, wantsKey } from "./fingerprints.ts";
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
  /** The same texts of servers that list their models for who has a key. */
  locked: string[];
}

/** Default ports of the servers with a name, and of others with OpenAI's API: SGLang, LMDeploy, Jan, GPT4All, KoboldCpp. */
export const usualPorts: readonly number[] = [
  11434, 1234, 8080, 9931, 8000, 13305, 4000, 30000, 23333, 1337, 4891, 5001,
];

/** The longest that the search on one port may take, in milliseconds. */
const limit = 1_000;

const types: Readonly<Record<RuntimeKind, { type: string; prefix: string }>> = {
  Ollama: { type: "ollama", prefix: "ollama" },
  "LM Studio": { type: "openai", prefix: "lm-studio" },
  "llama.cpp": { type: "openai", prefix: "llama-cpp" },
  vLLM: { type: "vllm", prefix: "vllm" },
  Lemonade: { type: "openai", prefix: "lemonade" },
  LiteLLM: { type: "openai", prefix: "litellm" },
  "OpenAI-compatible": { type: "openai", prefix: "local" },
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
  const empty = servers.filter(({ models, isLocked }) => models.length === 0 && !isLocked);
  const text = ({ runtime, url }: Server) =>
    `${runtime === "OpenAI-compatible" ? "the server with OpenAI's API" : runtime} at ${url}`;
  return { found, empty: empty.map(text), locked: servers.filter(({ isLocked }) => isLocked).map(text) };
}

/** Describes the search, for the case that nothing was found. */
export function lookedFor(ports: readonly number[]): string {
  const names = Object.keys(types).slice(0, -1).join(", ");
  return `searched for ${names} and other servers with OpenAI's API on 127.0.0.1, ports ${ports.join(", ")}; --port searches another one`;
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
  const added = found.filter(({ configured }) => !configured);
  const addedServers = servers.filter(({ configured, entry }) => !configured && entry);
  if (added.length + addedServers.length === 0) return [];
  changeConfig(place, [
    ...added.map(({ name, type, model, url }) => ({
      path: ["llm", "providers", `=${name}`],
      value: { name, type, model, url, publish: false },
    })),
    ...addedServers.map(({ name, entry }) => ({
      path: ["mcpServers", `=${name}`],
      value: { ...entry, publish: false },
    })),
  ]);
  return [...added, ...addedServers];
}

interface Server {
  runtime: RuntimeKind;
  url: string;
  models: string[];
  /** True if it lists them for who has a key. */
  isLocked: boolean;
}

async function lookAt(outbound: Outbound, url: string): Promise<Server | undefined> {
  const probe = createProbe(outbound, url, { timeout: limit, signal: AbortSignal.timeout(limit) });
  const runtime = await fingerprint(probe);
  const listed = runtime && (await modelsOf(runtime, probe));
  const isLocked = listed === undefined && (await wantsKey(probe));
  if (!runtime && !isLocked) return undefined;
  const models = listed ?? [];
  // Names with control characters are left out: they may be meant to move a cursor (T42). The config takes no half ones.
  const plain = models.filter(
    (model) => /^[^\u0000-\u001f\u007f-\u009f]{1,200}$/.test(model) && isStorable(model),
  );
  return { runtime: runtime ?? "OpenAI-compatible", url, models: plain, isLocked };
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
