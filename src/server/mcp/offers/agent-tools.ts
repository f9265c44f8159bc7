import { decide, type Principal } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { McpDefinition } from "../../core/store/mcp-status.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { PersonaRow, ProjectRow } from "../../core/store/typed-rows.ts";
import { acceptableName } from "./names.ts";

/** A persona that a project offers as a tool. */
export interface AgentTool {
  /** The name that clients use. */
  name: string;
  persona: PersonaRow;
  definition: McpDefinition;
}

/** Returns the name of the tool that asks a persona. */
export function askName(persona: string): string {
  return acceptableName(`ask_${persona}`);
}

/** The names of the tools that ask the personas of a project. No tool of a server gets one of them. */
export const askNames = oncePerObject(
  ({ spec: { agents = [] } }: ProjectRow): ReadonlySet<string> => new Set(agents.map(askName)),
);

/** Returns the tools that ask the personas of a project, as far as the principal may run them, sorted by name. */
export function agentTools(snapshot: Snapshot, { spec }: ProjectRow, principal: Principal): AgentTool[] {
  const { agents = [] } = spec;
  return agents
    .flatMap((name) => {
      const persona = snapshot.named("agent", name) as PersonaRow | undefined;
      const mayAsk = persona && decide(principal, "run", "agents", name, persona) === "allow";
      return mayAsk ? [{ name: askName(name), persona, definition: definitionOf(persona) }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Returns the entries of a list with the definitions of such tools behind them, as JSON. */
export function withAgentTools(entries: string, tools: readonly AgentTool[]): string {
  if (tools.length === 0) return entries;
  const added = tools.map(({ definition }) => JSON.stringify(definition)).join(",");
  return entries === "[]" ? `[${added}]` : `${entries.slice(0, -1)},${added}]`;
}

const definitionOf = oncePerObject((persona: PersonaRow): McpDefinition => {
  const { name, spec } = persona;
  return {
    name: askName(name),
    description: spec.description === "" ? `Asks the agent ${name}.` : spec.description,
    inputSchema: {
      type: "object",
      properties: {
        message: {
          type: "string",
          description: "What to ask. The agent knows nothing of this conversation, so say all that it needs.",
        },
      },
      required: ["message"],
      additionalProperties: false,
    },
  };
});
