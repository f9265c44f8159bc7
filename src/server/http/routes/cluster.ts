import { AppError } from "../../../errors.ts";
import { nodeLinkPath } from "../../cluster/node-link.ts";
import { nodeHeader } from "../../cluster/sealed-channel.ts";
import { wantsSocket } from "../../workstations/socket.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The route of links between the servers on one database. A node proves itself by a key that only the database has (T175). */
export function clusterRoutes(server: Server): Route[] {
  if (!server.cluster) return [];
  return [
    {
      method: "GET",
      path: nodeLinkPath,
      access: "public",
      isUndocumented: true,
      summary: "Open a link between two servers of mcpctl on one database",
      handle: (call) => open(server, call),
    },
  ];
}

function open({ cluster, upgrade }: Server, { request, peer, isHead }: Call): Response {
  const { headers } = request;
  const link = isHead || !wantsSocket(request) ? undefined : cluster?.accept(headers.get(nodeHeader));
  if (!link) throw new AppError("unauthenticated", "only other servers on the same database open links here");
  if (upgrade(request, peer, link, {})) return new Response(null, { status: 101 });
  link.close();
  throw new AppError("invalid_request", "this request cannot become a WebSocket");
}
