import { estimateTokens } from "../../../adapters/tokens/token-estimate.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { withPartArguments } from "../content/part-request.ts";
import { agentTools } from "./agent-tools.ts";
import { acceptableName } from "./names.ts";
import { type HiddenReason, type Offered, offerOf } from "./offer.ts";

/** One tool of a project's servers, as `mcpctl get tools` shows it. */
export interface ToolReport {
  /** The name that clients use, or would use. */
  name: string;
  /** The MCP server; null if it is hidden from the reader, and of a tool that asks a persona. */
  server: string | null;
  /** The name that the server uses. */
  original: string;
  /** The size of its description and schema in a request, estimated; with the arguments that are added here. */
  tokens: number;
  offered: boolean;
  /** The reason why it is not offered, or why its name differs; null if there is none. */
  reason: HiddenReason | "collision" | "renamed" | null;
}

/**
 * Returns the tools of a project's servers, those of the first attached server first, each with the reason if clients do
 * not see it. Tools of servers that are hidden from the reader are left out, unless the reader may call them.
 */
export function reportTools(snapshot: Snapshot, project: ProjectRow, principal: Principal): ToolReport[] {
  const offer = offerOf(snapshot, project);
  const mayCall = decide(principal, "run", "projects", project.name, project) === "allow";
  const report = (tool: Offered, hidden: HiddenReason | null): ToolReport[] => {
    const sees = isVisible(principal, "servers", tool.server);
    if (!sees && !(mayCall && hidden === null)) return [];
    const { name, original, server, definition } = tool;
    const { title, description, outputSchema } = definition;
    const inputSchema = offer.cuts
      ? withPartArguments(definition["inputSchema"], offer.cuts)
      : definition["inputSchema"];
    return [
      {
        name,
        server: sees ? server.name : null,
        original,
        tokens: estimateTokens(JSON.stringify({ name, title, description, inputSchema, outputSchema })),
        offered: hidden === null,
        reason: hidden ?? renaming(name, original),
      },
    ];
  };
  const place = new Map(offer.servers.map(({ name }, i) => [name, i]));
  const at = ({ server }: ToolReport) => (server === null ? place.size : place.get(server)!);
  const agents = agentTools(snapshot, project, principal).map(({ name, persona, definition }) => ({
    name,
    server: null,
    original: persona.name,
    tokens: estimateTokens(JSON.stringify(definition)),
    offered: true,
    reason: null,
  }));
  return [
    ...agents,
    ...[...offer.tools.values()].flatMap((tool) => report(tool, null)),
    ...offer.hidden.flatMap((tool) => report(tool, tool.reason)),
  ].sort((a, b) => at(a) - at(b) || (a.original < b.original ? -1 : 1));
}

/** Returns the reason why a tool has another name; null if it has its own. */
function renaming(name: string, original: string): "collision" | "renamed" | null {
  if (name === original) return null;
  return name === acceptableName(original) ? "renamed" : "collision";
}
