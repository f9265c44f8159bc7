import { isVisible } from "../../access/policy.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";

export const projectHooks: Hooks<RowOf<"project">> = {
  /** A private llm is not registered for who may not know of it. */
  status(row, { principal, snapshot }) {
    const name = row.spec.llmProvider;
    if (name === "none") return { llmStatus: "disabled" };
    const llm = name === undefined ? undefined : snapshot.named("llm", name);
    return { llmStatus: llm && isVisible(principal, "llms", llm) ? "registered" : "unregistered" };
  },
};
