import { maxPromptContent } from "../../../kinds/prompt.ts";
import type { JsonObject } from "../../../mcp/messages.ts";

/** The tools of the gate itself, by name, in the order in which they are listed. */
export const gateTools = {
  begin_session: {
    title: "Begin",
    description:
      "Call this once before the other tools: say what you are about to do, and get the rules and knowledge of this " +
      "project that matter for it.",
    inputSchema: {
      type: "object",
      properties: {
        task: { type: "string", description: "What you are about to do, in one or two sentences" },
        tags: {
          type: "array",
          items: { type: "string" },
          description: "Words for the subjects that it touches, such as database or tests",
        },
      },
    },
    annotations: { title: "Begin", readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  },
  read_prompts: {
    title: "Read prompts",
    description:
      "Read rules and knowledge of this project by their names. Without names: the index of all there are.",
    inputSchema: {
      type: "object",
      properties: {
        names: { type: "array", items: { type: "string" }, description: "Names from the index" },
        offset: { type: "integer", minimum: 0, description: "Continue a long text or index at this place" },
      },
    },
    annotations: { title: "Read prompts", readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  },
  propose_prompt: {
    title: "Propose a prompt",
    description:
      "Propose that this project remembers something for all who work in it: a rule, a fact or a way that you had to find " +
      "out. A person decides about it.",
    inputSchema: {
      type: "object",
      properties: {
        name: {
          type: "string",
          pattern: "^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$",
          description:
            "A short name in lower case with hyphens, such as test-database; that of a prompt proposes another text for it",
        },
        content: { type: "string", maxLength: maxPromptContent, description: "The text of the prompt" },
        description: { type: "string", description: "One line that tells when it is of use" },
        reason: { type: "string", description: "Why the project should have it" },
      },
      required: ["name", "content"],
    },
    annotations: {
      title: "Propose a prompt",
      readOnlyHint: false,
      destructiveHint: false,
      openWorldHint: false,
    },
  },
} as const satisfies Record<string, JsonObject>;

/** The name of a tool of the gate. */
export type GateTool = keyof typeof gateTools;

export const gateToolNames = Object.keys(gateTools) as readonly GateTool[];

const definitions = Object.entries(gateTools).map(([name, tool]) => JSON.stringify({ name, ...tool }));

/** The definitions of the tools of the gate as JSON, without brackets. */
export const gateToolsText = definitions.join(",");

/** The most characters of the names of hidden tools, which are in a description. */
const maxHiddenNames = 1000;

/**
 * Returns the definition of the one tool that a closed gate shows, as a list in JSON. It names the tools behind it: a model
 * does not look for what it knows nothing of.
 *
 * @param hidden the names of the other tools of the project
 */
export function closedListText(hidden: readonly string[]): string {
  const { begin_session: own } = gateTools;
  const names = hidden.join(", ");
  const shown = names.length > maxHiddenNames ? `${names.slice(0, maxHiddenNames)}…` : names;
  const description =
    hidden.length === 0
      ? own.description
      : `${own.description} It shows the other tools of the project (${hidden.length}): ${shown}.`;
  return `[${JSON.stringify({ name: "begin_session", ...own, description })}]`;
}

export function isGateTool(name: string): name is GateTool {
  return Object.hasOwn(gateTools, name);
}

/** The sentence of the endpoint's instructions that leads to the gate. */
export const firstCall =
  "Call begin_session first and say what you are about to do: it answers with the rules of this project for it.";
