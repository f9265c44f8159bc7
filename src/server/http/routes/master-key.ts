import type { Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Routes of the master key, which encrypts sealed secrets. */
export function masterKeyRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/master-key/rotate",
      access: { action: "rotate-secretbackend" },
      summary: "Make a new master key and wrap all sealed secrets with it, or finish an interrupted rotation",
      handle: async () => Response.json(await server.masterKey.rotate()),
    },
  ];
}
