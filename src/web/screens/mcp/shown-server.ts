import type { ApiObject } from "../../api/lists.ts";

/** An MCP server, as far as the page reads it. */
export interface ShownServer extends ApiObject {
  description: string;
  source: string;
  status: string;
  ready: number;
  toolCount: number;
  isolation: string | null;
  conditions: { type: string; message: string }[];
}
