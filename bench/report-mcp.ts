import type { McpCallRow, McpReport } from "./mcp.ts";
import { type Columns, megabytes, table } from "./table.ts";

/** The figures of MCP servers as parts of a report in Markdown. */
export function mcpParts({ calls, sessions, listing, longResults, lazy }: McpReport): string[] {
  const more = (bytes: number) => `${megabytes(bytes - sessions.before).toFixed(0)} MB more`;
  const figures: [string, string][] = [
    [`${sessions.count} idle sessions`, more(sessions.idle)],
    [`${sessions.count} idle sessions, each with its stream`, more(sessions.listening)],
    [
      `listing ${listing.tools} tools of ${listing.servers} servers, ${(listing.bytes / 1000).toFixed(0)} KB`,
      `p50 ${listing.p50.toFixed(2)} ms, p99 ${listing.p99.toFixed(2)} ms`,
    ],
    ["a result of 5 MB, directly over the program's pipes", `p50 ${longResults.direct.p50.toFixed(0)} ms`],
    ["the same through a project, whole", `p50 ${longResults.whole.p50.toFixed(0)} ms`],
    [
      "its first page",
      `p50 ${longResults.page.p50.toFixed(0)} ms (${(longResults.page.p50 - longResults.direct.p50).toFixed(0)} more than directly), at most ${longResults.page.most.toFixed(0)} ms, ${longResults.page.bytes} bytes`,
    ],
    [`processes of ${lazy.servers} servers after a start`, `${lazy.unused}, after one call ${lazy.used}`],
  ];
  return [
    "## MCP servers",
    "Calls of a tool of an MCP server that is made with the official SDK: directly, over its pipes or its port, and through the endpoint of a project. Closed loop. CPU: the server of mcpctl alone, or what stands in its place.",
    table(calls, callColumns),
    table(figures, figureColumns),
  ];
}

const callColumns: Columns<McpCallRow> = {
  "": (row) => row.subject,
  server: (row) => row.transport,
  "at a time": (row) => String(row.connections),
  "calls/s": (row) => row.perSecond.toFixed(0),
  "of direct": (row) => row.ratio.toFixed(2),
  "added p50 ms": (row) => row.addedP50.toFixed(2),
  "added p99 ms": (row) => row.addedP99.toFixed(2),
  "CPU µs/call": (row) => row.cpu.toFixed(0),
  failures: (row) => String(row.failures),
};

const figureColumns: Columns<[what: string, figure: string]> = {
  "": ([what]) => what,
  figure: ([, figure]) => figure,
};
