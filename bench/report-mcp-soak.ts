import type { McpSoakResult } from "./soak-mcp.ts";
import { megabytes } from "./table.ts";

/** The most lines about one kind of fault. */
const shown = 20;

/** The figures of a soak of MCP servers, for people. */
export function mcpSoakLines(result: McpSoakResult): string[] {
  const { answered, errors, left, faults, wrong, hung, longest, resident } = result;
  const { leftAfterKill, leftAfterStop } = result;
  const lists = {
    wrong,
    hung,
    "left after the server was killed and started again": leftAfterKill,
    "left after the server had stopped": leftAfterStop,
  };
  return [
    `faults: ${countsOf(faults)}`,
    `${answered} calls answered; ended in one error: ${countsOf(errors) || "none"}; ${left} left by their clients`,
    `${wrong.length} wrong, ${hung.length} hung; the longest call took ${(longest / 1000).toFixed(1)} s`,
    `processes left: ${leftAfterKill.length} after a kill and a new start, ${leftAfterStop.length} after a stop`,
    ...Object.entries(lists).flatMap(([what, list]) => list.slice(0, shown).map((one) => `${what}: ${one}`)),
    `resident server: ${megabytes(resident.first).toFixed(0)} MB, then ${megabytes(resident.last).toFixed(0)} MB`,
  ];
}

/** True if a soak of MCP servers found nothing that must not be. */
export function isMcpKept({ answered, wrong, hung, leftAfterKill, leftAfterStop }: McpSoakResult): boolean {
  return answered > 0 && [wrong, hung, leftAfterKill, leftAfterStop].every((list) => list.length === 0);
}

/** `3 kill, 4 stall` */
export function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");
}
