import { plain } from "../output/cells.ts";
import type { KindExtension } from "./extension.ts";

export const project: KindExtension = {
  /** The server has looked the llm up; a name that it does not have is marked with a warning. */
  describe({ llmProvider, llmModel, llmStatus }) {
    const warning =
      llmStatus === "unregistered"
        ? " [warning: no Llm registered with this name — will fall back to registry default]"
        : "";
    return {
      llmProvider: [{ label: "LLM", value: `${plain(llmProvider)}${warning}` }],
      llmStatus: [],
      ...(llmModel !== undefined &&
        llmModel !== null && { llmModel: [{ label: "LLM Model", value: `${llmModel} (override)` }] }),
    };
  },
};
