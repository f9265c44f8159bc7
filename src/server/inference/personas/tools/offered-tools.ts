import type { Principal } from "../../../core/access/policy.ts";
import type { AskChain } from "../../../core/ask-chain.ts";
import type { PersonaRow } from "../../../core/store/typed-rows.ts";

/** A tool of a project, as its MCP clients see it. */
export interface ProjectTool {
  name: string;
  description?: string;
  inputSchema: Record<string, unknown>;
}

/** The result of a tool, as text for a model. */
export interface ToolResult {
  text: string;
  isError: boolean;
}

/** The tools of one project, for one call of a persona. */
export interface OpenTools {
  /** The name of the project, by which answers call their server. */
  readonly label: string;
  readonly tools: readonly ProjectTool[];
  /** Calls a tool, with the rights and limits of the caller. Never throws: a failure is a result that says so. */
  call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<ToolResult>;
}

/** The facts of a call of a persona on which its tools depend. */
export interface ToolsRequest {
  principal: Principal;
  persona: PersonaRow;
  requestId: string;
  /** The personas that have asked each other so far. */
  chain: AskChain;
  /** The header of the call that counts the mcpctl programs before this one. */
  hops: string | null;
  /** Names or patterns of the tools that the caller allows; all if undefined. */
  allow: readonly string[] | undefined;
}

/** Gives personas the tools of their projects. */
export interface ProjectTools {
  /**
   * Returns the tools of a persona's project; undefined if there are none.
   *
   * @throws AppError `forbidden` if the caller, or the owner of the persona, may not run the project
   */
  open(request: ToolsRequest): OpenTools | undefined;
}
