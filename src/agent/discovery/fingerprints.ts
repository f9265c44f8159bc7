import { modelNames, namesModel } from "./model-names.ts";
import type { Probe, ProbeResponse } from "./probe.ts";

/** The programs that are recognised as servers of models. */
export type RuntimeKind =
  | "Ollama"
  | "LM Studio"
  | "llama.cpp"
  | "vLLM"
  | "Lemonade"
  | "LiteLLM"
  | "OpenAI-compatible";

/**
 * Recognises a server by its responses. Returns undefined for an unknown one, and for one that does not respond. The
 * requests neither load nor wake anything.
 */
export async function fingerprint(probe: Probe): Promise<RuntimeKind | undefined> {
  const root = await probe("/");
  if (!root) return undefined;
  if (root.text.startsWith("Ollama is running")) return "Ollama";
  const [studio, props, version, health, alive, models] = await Promise.all([
    probe("/api/v1/models"),
    probe("/props"),
    probe("/version"),
    probe("/v1/health"),
    probe("/health/liveliness"),
    probe("/v1/models"),
  ]);
  if (list(studio, "models").some((model) => "key" in model && "architecture" in model)) return "LM Studio";
  if (list(models, "data").some((model) => model["owned_by"] === "vllm") && version?.json?.["version"])
    return "vLLM";
  if (props?.json?.["default_generation_settings"] || props?.json?.["build_info"]) return "llama.cpp";
  if (alive?.status === 200 && /I'm alive!/.test(alive.text)) return "LiteLLM";
  // The last of those with a name, because other servers have this path too.
  const { json } = health ?? {};
  const isLemonade = health?.status === 200 && json?.["status"] === "ok" && "model_loaded" in json;
  if (isLemonade) return "Lemonade";
  return listsModels(models) ? "OpenAI-compatible" : undefined;
}

/** Returns true for a list of models as OpenAI's API has it. Anthropic's has entries with a `type` instead. */
function listsModels(response: ProbeResponse | undefined): boolean {
  const entries = list(response, "data");
  if (entries.length === 0) return response?.json?.["object"] === "list";
  return entries.every(
    ({ id, object, type }) => typeof id === "string" && (type !== "model" || object === "model"),
  );
}

/** Returns true if a server with OpenAI's API refuses its list of models to who has no key. */
export async function wantsKey(probe: Probe): Promise<boolean> {
  const response = await probe("/v1/models");
  return (response?.status === 401 || response?.status === 403) && response.json !== undefined;
}

/** Returns the models of a server, loaded or not; undefined when it does not list them. */
export async function modelsOf(kind: RuntimeKind | undefined, probe: Probe): Promise<string[] | undefined> {
  if (kind === "Ollama") return modelNames(await probe("/api/tags"), "models", ["name"]);
  if (kind === "LM Studio") return modelNames(await probe("/api/v1/models"), "models", ["key"]);
  return modelNames(await probe("/v1/models"), "data", ["id"]);
}

/** Returns true if a model's weights are in memory; undefined when the server does not report it. */
export async function residency(
  kind: RuntimeKind | undefined,
  probe: Probe,
  model: string,
): Promise<boolean | undefined> {
  if (kind === "Ollama") {
    const running = modelNames(await probe("/api/ps"), "models", ["name", "model"]);
    return running?.some((name) => namesModel(name, model));
  }
  if (kind === "LM Studio") {
    const response = await probe("/api/v1/models");
    if (response?.status !== 200) return undefined;
    const entry = list(response, "models").find(({ key }) => key === model);
    return Array.isArray(entry?.["loaded_instances"]) ? entry["loaded_instances"].length > 0 : undefined;
  }
  if (kind === "llama.cpp") {
    const entry = list(await probe("/models"), "data").find(({ id }) => id === model);
    // Only the router mode reports a status; a server of one model responds only after it has loaded it.
    const status = (entry?.["status"] as { value?: unknown } | undefined)?.value;
    return typeof status === "string" ? status === "loaded" : undefined;
  }
  return undefined;
}

function list(response: ProbeResponse | undefined, name: string): Record<string, unknown>[] {
  const value = response?.status === 200 ? response.json?.[name] : undefined;
  return Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : [];
}
