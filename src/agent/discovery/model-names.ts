import type { ProbeResponse } from "./probe.ts";

/** Returns the names in a list of models; undefined when the response is not such a list. */
export function modelNames(
  response: ProbeResponse | undefined,
  list: string,
  keys: readonly string[],
): string[] | undefined {
  if (response?.status !== 200) return undefined;
  const entries = response.json?.[list];
  if (!Array.isArray(entries)) return undefined;
  return entries.flatMap((entry) =>
    keys.map((key) => entry?.[key]).filter((name) => typeof name === "string"),
  );
}

/**
 * True if a name in a server's list means the model. Ollama's `qwen3` is `qwen3:latest`; LiteLLM lists `openai/*` for
 * all names that begin so.
 */
export function namesModel(listed: string, model: string): boolean {
  if (listed === model || listed === `${model}:latest` || `${listed}:latest` === model) return true;
  return listed.endsWith("*") && model.startsWith(listed.slice(0, -1));
}
