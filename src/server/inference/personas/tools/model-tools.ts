import { fittingName } from "../../../../adapters/translation/tool-names.ts";
import type { OpenTools, ProjectTool } from "./offered-tools.ts";

/** The tools of a project under the names that the model gets: one that every provider takes, and no tool of the caller has. */
export class ModelTools {
  /** By the name that the model uses. */
  readonly tools = new Map<string, ProjectTool>();
  /** The project's name. */
  readonly label: string;
  readonly #modelNames = new Map<string, string>();
  readonly #hasOwn: boolean;

  /**
   * @param own the names of the caller's own tools, which keep their names
   * @param hasOwn true if the caller has tools of its own, also some without a name
   */
  constructor({ label, tools }: Pick<OpenTools, "label" | "tools">, own: readonly string[], hasOwn: boolean) {
    this.label = label;
    this.#hasOwn = hasOwn;
    const taken = new Set(own);
    for (const tool of tools) {
      let name = fittingName(tool.name);
      for (let n = 1; taken.has(name); n++)
        name = fittingName(`${label}_${tool.name}${n === 1 ? "" : `_${n}`}`);
      taken.add(name);
      this.tools.set(name, tool);
      this.#modelNames.set(tool.name, name);
    }
  }

  /**
   * Returns the tool of the project that a model means; undefined for a tool of the caller. A name that nobody knows is
   * taken for a tool of the project if the caller has none: the model is told that there is no such tool.
   */
  toolOf(modelName: string): ProjectTool | undefined {
    const tool = this.tools.get(modelName);
    return tool || this.#hasOwn ? tool : { name: modelName, inputSchema: {} };
  }

  /** Returns the name that the model uses, also for a tool that is not there any more. */
  modelName(name: string): string {
    return this.#modelNames.get(name) ?? fittingName(name);
  }

  /** Returns the name that the model uses if it is a tool of the project. */
  known(name: unknown): string | undefined {
    return typeof name === "string" ? this.#modelNames.get(name) : undefined;
  }
}
