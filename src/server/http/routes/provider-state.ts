import { parseCall } from "../../../wire/parse-call.ts";
import { type StateRoute, stateRoutes } from "../../inference/provider-state/state-routes.ts";
import type { ParsedRequest } from "../../inference/request.ts";
import { readCall } from "../call-body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Calls about answers and conversations that providers keep. */
export function providerStateRoutes(server: Server): Route[] {
  return stateRoutes.map((route) => ({
    method: route.method,
    path: route.path,
    access: { verb: "run", resource: "llms", or: [{ verb: "run", resource: "agents" }] },
    recordsCalls: true,
    summary: route.summary,
    handle: (call) => stateCall(server, call, route),
  }));
}

function stateCall(server: Server, call: Call, route: StateRoute): Promise<Response> {
  const { request, requestId, principal, params, peer, query } = call;
  return server.inference.stateCall({
    route,
    principal,
    requestId,
    id: params["id"],
    item: params["item"],
    query,
    httpRequest: request,
    onLastBytes: () => server.endQuiet(request, peer),
    read: () => readBody(server, call),
  });
}

async function readBody(server: Server, call: Call): Promise<ParsedRequest> {
  // A conversation can begin without anything.
  const isEmpty = call.request.headers.get("content-length") === "0" || call.request.body === null;
  return isEmpty ? parseCall("{}", "responses") : readCall(call, server.deadlines, "responses");
}
