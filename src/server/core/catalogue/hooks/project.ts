import { isVisible } from "../../access/policy.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";

export const projectHooks: Hooks<RowOf<"project">> = {
  /** To readers from whom the llm is hidden, it is not registered. */
  status(row, { principal, snapshot }) {
    const name = row.spec.llmProvider;
    if (name === "none") return { llmStatus: "disabled" };
    const llm = name === undefined ? undefined : snapshot.named("llm", name);
    return { llmStatus: llm && isVisible(principal, "llms", llm) ? "registered" : "unregistered" };
  },
};
