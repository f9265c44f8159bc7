import { AppError } from "../../errors.ts";
import type { JsonObject } from "../../mcp/messages.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { McpServers, ServerCall, WorkstationCalls } from "../mcp/types.ts";
import { callFields, callOver } from "./forward-call.ts";
import type { LinkLost } from "./link-messages.ts";
import type { WorkstationNodes } from "./workstation-nodes.ts";

/** Calls the MCP servers of workstations, each at the node to which its agent is connected (failure mode 239). */
export class ClusteredWorkstations implements Pick<McpServers, "call"> {
  readonly #own: WorkstationCalls;
  readonly #nodes: WorkstationNodes;

  constructor(own: WorkstationCalls, nodes: WorkstationNodes) {
    this.#own = own;
    this.#nodes = nodes;
  }

  call(call: ServerCall): Promise<JsonObject> {
    const { server, signal } = call;
    return this.#nodes.call(server.id, {
      isHere: () => this.#own.reaches(server),
      here: () => this.#own.call(call),
      there: (link) =>
        callOver(link, { is: "workstationCall", call: callFields(call) }, call).catch((error) => {
          throw signal?.aborted ? cancelled(server) : error;
        }),
      lost: (cause) => lost(server, cause),
    });
  }
}

function cancelled({ name }: McpServerRow): AppError {
  return new AppError("client_closed_request", `the call to MCP server "${name}" was cancelled`);
}

function lost({ name }: McpServerRow, cause: LinkLost): AppError {
  return new AppError(
    "provider_error",
    `the server of mcpctl to which the workstation of MCP server "${name}" is connected went away during the call, which may have been carried out and is not repeated`,
    { cause },
  );
}
