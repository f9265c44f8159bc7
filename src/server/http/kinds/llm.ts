import { llm } from "../../../kinds/llm.ts";
import { isAdministrator } from "../../core/access/policy.ts";
import { poolNamed, poolOf } from "../../inference/pools/resolve.ts";
import { listPieces, longResponse, objectPieces } from "../long-response.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

/** Adds the probe of a new llm, and the members of an llm's pool. */
export const llmRoutes: KindRoutes = {
  /** Tells whether the provider accepts the url and the key. A failed probe is reported and refuses nothing. */
  async created(server, call, object) {
    if (call.query.get("probe") === "false") return;
    object["probe"] = await server.inference.probe(object.id, isAdministrator(call.principal));
  },
  routes: (server): Route[] => [
    {
      method: "GET",
      path: "/api/v1/llms/:idOrName/members",
      access: { verb: "view", resource: llm.plural },
      summary: "List the members of an llm's pool",
      handle: (call) => members(server, call),
    },
  ],
};

/** Returns the llms in the pool of an llm that the caller may see. */
async function members(server: Server, { principal, params }: Call): Promise<Response> {
  const row = server.resources.find(principal, "view", llm, params["idOrName"]!);
  const poolName = poolOf(row);
  const { snapshot } = server.catalogue;
  const members = await server.resources.list(principal, llm, poolNamed(snapshot, poolName));
  const activeCount = members.filter(({ status }) => status.status === "active").length;
  const explicit = row.spec.poolName !== undefined;
  return longResponse(
    objectPieces(
      { poolName, explicit, size: members.length, activeCount },
      { members: listPieces(members, (member) => server.resources.present(principal, llm, member)) },
    ),
  );
}
