import type { McpCondition, McpServerStatus } from "../store/mcp-status.ts";
import type { McpServerRow } from "../store/typed-rows.ts";
import type { Draft } from "./hooks.ts";

/** The condition of an MCP server whose workstation is away. */
export const offlineCondition: McpCondition = {
  type: "Offline",
  message: "the workstation that runs it is not connected",
};

/** True if the workstation of a virtual MCP server is away. */
export function isOffline({ conditions = [] }: McpServerStatus): boolean {
  return conditions.some(({ type }) => type === offlineCondition.type);
}

/** The fields of a virtual MCP server that users set. Its workstation agent alone decides all else: what runs, and how. */
const settable = new Set([
  "description",
  "tools",
  "toolChanges",
  "visibility",
  "callSeconds",
  "startSeconds",
] satisfies (keyof McpServerRow["spec"])[] as string[]);

/** Refuses changes of a virtual MCP server that would name a program or a URL, which this server would then use (T180). */
export function checkPublishedServer({ given, faults }: Draft<McpServerRow>): void {
  for (const field of Object.keys(given))
    if (!settable.has(field) && field !== "name")
      faults.push({ path: `/${field}`, message: "is set by the workstation agent that publishes it" });
}

/** Fields that mean nothing for a virtual MCP server, and are not shown of it. */
export const unshown = {
  transport: undefined,
  replicas: undefined,
  sharing: undefined,
  sandbox: undefined,
  idleMinutes: undefined,
};
