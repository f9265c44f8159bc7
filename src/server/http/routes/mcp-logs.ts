import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { instance as instanceKind } from "../../../kinds/instance.ts";
import { mcpServer } from "../../../kinds/mcp-server.ts";
import { isOf } from "../../core/store/typed-rows.ts";
import type { NumberedLine } from "../../mcp/instances/logs/logs.ts";
import type { ReadLogOptions } from "../../mcp/instances/logs/read-log.ts";
import { eventResponse } from "../event-stream.ts";
import { wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { isStillAllowed } from "../still-allowed.ts";

const query = {
  tail: "The most lines, the newest; 1000 if not given, at most 100000",
  since: "Only lines from this time on, RFC 3339",
  previous: "1: only the run before the present one",
  follow: "1: return these lines, then stream new ones as server-sent events",
};

const LogLines = Type.Array(
  Type.Object({
    at: Type.String({ description: "The time, RFC 3339" }),
    instance: Type.String({ description: "The name of the instance" }),
    stream: Type.String({ description: "stderr, stdout (lines that are no messages) or mcpctl" }),
    text: Type.String(),
  }),
);

/** The most lines of one answer. */
const maxLines = 100_000;

/** Logs of MCP servers and of their instances. They can hold what users sent, so they need `edit` on the server. */
export function mcpLogRoutes(server: Server): Route[] {
  const route = (plural: string, what: string, find: (call: Call) => LogSource): Route => ({
    method: "GET",
    path: `/api/v1/${plural}/:idOrName/logs`,
    access: { verb: "update", resource: mcpServer.plural },
    summary: `Return the log of ${what}: what its program writes to stderr, and its starts and ends`,
    query,
    response: LogLines,
    handle: (call) => answer(server, call, find(call)),
  });
  const { resources } = server;
  return [
    route(mcpServer.plural, "all instances of an MCP server", ({ principal, params }) => {
      const row = resources.find(principal, "update", mcpServer, params["idOrName"]!);
      return { serverId: row.id, name: row.name };
    }),
    route(instanceKind.plural, "one instance of an MCP server", ({ principal, params }) => {
      const row = resources.find(principal, "view", instanceKind, params["idOrName"]!);
      if (!isOf(instanceKind, row)) throw new AppError("not_found", "there is no such instance");
      const { server: name } = row.status;
      const { id } = resources.find(principal, "update", mcpServer, name);
      return { serverId: id, name, instance: Number(row.name.slice(name.length + 1)) };
    }),
  ];
}

/** A log: of one instance, or of all. */
interface LogSource {
  serverId: string;
  /** The name of the MCP server. */
  name: string;
  instance?: number;
}

async function answer(server: Server, call: Call, source: LogSource): Promise<Response> {
  const options = optionsOf(call.query);
  const { logs } = server.mcp;
  const { serverId, name, instance } = source;
  const shown = ({ run: _, instance: number, ...line }: NumberedLine) => ({
    ...line,
    instance: `${name}-${number}`,
  });
  if (call.query.get("follow") !== "1")
    return Response.json((await logs.read(serverId, instance, options)).map(shown));
  return eventResponse(server, call, (stream) => {
    let id = 0;
    const send = (line: NumberedLine) => {
      if (stream.isEnded) return;
      stream.send("line", ++id, shown(line));
      // A reader that is so far behind begins again, at the time of its last line.
      if (stream.isOverrun) stream.end();
    };
    let waiting: NumberedLine[] | undefined = [];
    stream.onEnd(logs.follow(serverId, instance, (line) => (waiting ? waiting.push(line) : send(line))));
    stream.onEnd(
      server.catalogue.subscribe(() => {
        if (!isStillAllowed(server, call, "update", mcpServer, serverId)) stream.end();
      }),
    );
    void logs.read(serverId, instance, options).then(
      (lines) => {
        const seen = new Set(lines.slice(-1000).map(keyOf));
        for (const line of lines) send(line);
        // Lines that came while the files were read can be in them.
        for (const line of waiting ?? []) if (!seen.has(keyOf(line))) send(line);
        waiting = undefined;
      },
      () => stream.end(),
    );
  });
}

function keyOf({ at, run, instance, text }: NumberedLine): string {
  return `${instance} ${run} ${at} ${text}`;
}

function optionsOf(query: URLSearchParams): ReadLogOptions {
  const since = query.get("since");
  const at = since === null ? undefined : Date.parse(since);
  if (Number.isNaN(at))
    throw new AppError("invalid_request", "since must be a time such as 2026-11-21T10:00:00Z");
  return {
    tail: Math.min(wholeNumberIn(query, "tail") ?? 1000, maxLines),
    since: at === undefined ? undefined : new Date(at).toISOString(),
    previous: query.get("previous") === "1",
  };
}
