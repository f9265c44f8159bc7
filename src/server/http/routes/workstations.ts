import type { Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The route that lists the workstations of which the caller may know. */
export function workstationRoutes({ sessions }: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/workstations",
      access: "authenticated",
      summary:
        "List workstations with their users, states and versions, and what they publish that you may see",
      handle: async ({ principal }) => Response.json(await sessions.workstations(principal)),
    },
  ];
}
