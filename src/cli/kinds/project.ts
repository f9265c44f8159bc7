import { AppError } from "../../errors.ts";
import { plain } from "../output/cells.ts";
import type { KindExtension } from "./extension.ts";

export const project: KindExtension = {
  createArgs: {
    gated: {
      type: "boolean",
      description: "Let models begin with the prompts that matter: the same as --proxy-model default",
    },
    "no-gated": {
      type: "boolean",
      description: "Show all tools at once: the same as --proxy-model content-pipeline",
    },
  },
  async startFrom(_, args) {
    const words = ["gated", "no-gated", "proxy-model"].filter(
      (name) => args[name] !== undefined && args[name] !== false,
    );
    if (words.length > 1) throw new AppError("usage", `--${words[0]} and --${words[1]} exclude each other`);
    if (args["gated"] === true) return { fields: { proxyModel: "default" } };
    return args["no-gated"] === true ? { fields: { proxyModel: "content-pipeline" } } : undefined;
  },
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
