/** A call of a tool that the scripted model makes. */
export interface ToolCall {
  id: string;
  name: string;
  /** The group of tools that it is in, where a dialect has groups. */
  namespace?: string;
  input: Record<string, unknown>;
}

/** One answer of the scripted model. */
export interface Step {
  thinking?: string;
  text?: string;
  calls?: ToolCall[];
  /** The provider refuses the request, because it does not fit into the context. */
  overflow?: true;
  /** The text is repeated until the caller leaves. */
  endless?: true;
}

/** A request as the model sees it, whatever its dialect. */
export interface Turn {
  model: string;
  stream: boolean;
  /** All words of the conversation. */
  text: string;
  /** Texts of the results of tools behind the last question. */
  results: string[];
  images: number;
  /** Names of the tools on offer. A tool of a group has the group's name and a slash before it. */
  tools: string[];
  /** Thinking of earlier answers, as the provider wants it back: signatures, sealed items, texts. */
  thinking: string[];
  system: string;
}

/** One run of one client: the part that the model plays, and what it saw. */
export class Play {
  readonly scenario: ScenarioName;
  readonly #calls: readonly Omit<ToolCall, "id">[];
  readonly #search: Omit<ToolCall, "id"> | undefined;
  readonly #begin: Omit<ToolCall, "id"> | undefined;
  #begun = false;
  #overflowed = false;
  #searched = false;
  #made = 0;
  /** The things that the model missed, in words. */
  readonly faults: string[] = [];
  /** Errors that the provider sent. The server may have mended the call and asked again. */
  readonly refusals: string[] = [];
  /** Resolves when an endless answer has begun. */
  readonly begun = Promise.withResolvers<void>();
  /** Resolves when the caller has left an endless answer. */
  readonly left = Promise.withResolvers<void>();

  /**
   * @param search the call that loads the tools of the calls, for a client that does not offer all of them at once
   * @param begin the call with which the model begins where its client offers nothing else
   */
  constructor(
    scenario: ScenarioName,
    calls: readonly Omit<ToolCall, "id">[],
    search?: Omit<ToolCall, "id">,
    begin?: Omit<ToolCall, "id">,
  ) {
    this.scenario = scenario;
    this.#calls = calls;
    this.#search = search;
    this.#begin = begin;
  }

  /** Returns the model's answer to a request. `thinks`: the dialect has a place for thinking. */
  next(turn: Turn, thinks: boolean): Step {
    if (this.scenario === "overflow" && this.#overflowed)
      return { text: `<summary>${answer}</summary> ${answer}` };
    // Clients ask for titles and the like beside the conversation.
    if (!turn.text.includes(marker)) return { text: "A short title" };
    const { scenario } = this;
    if (scenario === "text") return { text: answer };
    const [first] = this.#calls;
    const canRead = first !== undefined && turn.tools.includes(offeredName(first));
    if (scenario === "image") {
      if (turn.images > 0) return { text: answer };
      return canRead && turn.results.length === 0
        ? { calls: [this.#identified(first)] }
        : { text: "There is no image." };
    }
    if (scenario === "cancel") {
      this.begun.resolve();
      return { text: "and on ", endless: true };
    }
    if (turn.text.includes(secondMarker)) return { text: answer };
    if (isMcp(scenario)) return this.#mcp(turn);
    if (!canRead) return { text: "A short title" };
    const thinking = "The file has to be read.";
    if (turn.results.length === 0) {
      const calls = this.#calls
        .slice(0, scenario === "parallel" ? 2 : 1)
        .map((call) => this.#identified(call));
      return scenario === "thinking" || scenario === "switch" ? { thinking, calls } : { calls };
    }
    if (scenario === "overflow") {
      this.#overflowed = true;
      return { overflow: true };
    }
    if (scenario === "thinking" && thinks && turn.thinking.length === 0)
      this.faults.push("the thinking of the earlier answer did not come back");
    return { text: `The tools say: ${turn.results.join(" and ")}` };
  }

  /** Both calls at once; then their results have to be there. */
  #mcp(turn: Turn): Step {
    if (turn.tools.length === 0) return { text: "A short title" };
    if (this.#search && !this.#searched) {
      if (!turn.tools.includes(this.#search.name)) return { text: "A short title" };
      this.#searched = true;
      return { calls: [this.#identified(this.#search)] };
    }
    const calls = this.#calls.map((call) => withoutGroup(call, turn.tools));
    const missing = calls.map(offeredName).filter((name) => !turn.tools.includes(name));
    const begin = this.#begin && withoutGroup(this.#begin, turn.tools);
    if (missing.length > 0 && begin && !this.#begun && turn.tools.includes(offeredName(begin))) {
      this.#begun = true;
      return { calls: [this.#identified(begin)] };
    }
    if (missing.length > 0) {
      this.faults.push(`the model is not offered ${missing.join(", ")}, but ${turn.tools.join(", ")}`);
      return { text: "The tools are missing." };
    }
    if (turn.results.length < calls.length + Number(this.#searched) + Number(this.#begun))
      return { calls: calls.map((call) => this.#identified(call)) };
    const seen = turn.results.join(" and ");
    const { rule, ...texts } = mcpContents;
    for (const text of [...Object.values(texts), ...(this.#begin ? [rule] : [])])
      if (!seen.includes(text)) this.faults.push(`the model does not see ${text}: ${seen}`);
    return { text: `The tools say: ${seen}` };
  }

  #identified(call: Omit<ToolCall, "id">): ToolCall {
    this.#made++;
    return { ...call, id: `call${this.#made}x${Math.random().toString(36).slice(2, 10)}` };
  }
}

export const scenarioNames = [
  "text",
  "tools",
  "parallel",
  "thinking",
  "image",
  "cancel",
  "overflow",
  "switch",
  "count",
  "models",
  "mcp-url",
  "mcp-program",
  "mcp-gated-url",
  "mcp-gated-program",
  "mcp-gated-lossy",
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** The scenarios in which the tools are those of a project's MCP servers, by the two ways to reach them. */
export type McpScenarioName = Extract<ScenarioName, `mcp-${string}`>;

export function isMcp(scenario: ScenarioName): scenario is McpScenarioName {
  return scenario.startsWith("mcp-");
}

/** True for the scenarios whose project has a gate. */
export function isGated(scenario: McpScenarioName): boolean {
  return scenario.startsWith("mcp-gated");
}

/**
 * The texts that the two MCP servers answer with: one comes back with "Echo: " before it, one is in a file. The rule is
 * the prompt of the project with a gate.
 */
export const mcpContents = {
  message: "Echo: chestnut",
  file: "the-harvest-says-almond",
  rule: "the-rule-says-cherry",
} as const;

/** Returns a call by the name of the group and the tool, where the provider's dialect has no groups. */
function withoutGroup(call: Omit<ToolCall, "id">, tools: readonly string[]): Omit<ToolCall, "id"> {
  const { namespace, name, input } = call;
  const joined = `${namespace}__${name}`;
  return namespace !== undefined && tools.includes(joined) ? { name: joined, input } : call;
}

function offeredName({ name, namespace }: Omit<ToolCall, "id">): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The word of the model that shows that its answer reached the client's output. */
export const answer = "forty-two-is-the-answer";

/** Contents of the two files that the tools read. */
export const contents = ["first-file-says-hazelnut", "second-file-says-walnut"] as const;

/** Words of the question, by which the model knows the conversation. */
export const marker = "orchard-inventory";
/** A word of the question that follows a change of the model. */
export const secondMarker = "second-question";

/** The questions of a scenario, one a run of the client. */
export function questionsOf(scenario: ScenarioName): string[] {
  const read = `For the ${marker}: read a.txt`;
  if (scenario === "switch") return [`${read}.`, `And for the ${secondMarker}: the sum?`];
  if (["tools", "thinking", "overflow"].includes(scenario)) return [`${read}.`];
  if (scenario === "parallel") return [`${read} and b.txt.`];
  if (isMcp(scenario)) return [`${marker}: use the tools.`];
  if (scenario === "image") return [`For the ${marker}: what is in the picture?`];
  return [`For the ${marker}: the sum?`];
}

/** Words that the output of a client must have at the end of a scenario. */
export function expectedOf(scenario: ScenarioName): string[] {
  if (scenario === "tools" || scenario === "thinking") return [contents[0]];
  if (scenario === "parallel") return [...contents];
  if (isMcp(scenario)) return [mcpContents.message, mcpContents.file];
  return scenario === "cancel" ? [] : [answer];
}
