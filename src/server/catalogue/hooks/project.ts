import type { Hooks } from "../hooks.ts";

export const projectHooks: Hooks = {
  status(row, snapshot) {
    const llm = row.spec["llmProvider"] as string | undefined;
    if (llm === "none") return { llmStatus: "disabled" };
    return { llmStatus: llm !== undefined && snapshot.named("llm", llm) ? "registered" : "unregistered" };
  },
};
