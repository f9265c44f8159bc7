import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { scopeIn } from "../../../kinds/scopes.ts";
import { token } from "../../../kinds/token.ts";
import { bearerHash, bearerPrefix, mintBearer } from "../../core/access/bearer.ts";
import { decide, type Principal } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import { makersOf } from "../../core/access/token-makers.ts";
import { mayActForOthers, mayRotate } from "../../core/access/token-rights.ts";
import { eventBy } from "../../core/caller.ts";
import { hasAllRightsOf } from "../../core/catalogue/hooks/user.ts";
import { StoreError } from "../../core/store/types.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { costLimitRoutes } from "./cost-limits.ts";
import type { KindRoutes } from "./define.ts";

/** Attempts of a rotation that loses against other writes. */
const attempts = 5;

/** Adds tokens for somebody else, and new bearers for tokens that exist. */
export const tokenRoutes: KindRoutes = {
  ...costLimitRoutes,
  createQuery: { user: "The name of the user who will own the token, if not the caller" },
  ownerOf,
  routes: (server): Route[] => [
    {
      method: "POST",
      path: "/api/v1/tokens/:idOrName/rotate",
      access: { verb: "view", resource: token.plural },
      summary: "Give a token a new bearer, which is in the response; the old one is no longer accepted",
      query: { [token.scopedBy!]: "Scope of the name" },
      response: Type.Object({ id: Type.String(), name: Type.String(), token: Type.String() }),
      handle: (call) => rotate(server, call),
    },
  ],
};

/** Returns the user for whom the caller makes a token. It must hold all rights of that user, and be allowed to act as it. */
function ownerOf({ catalogue: { snapshot } }: Server, { principal, query }: Call): Principal | undefined {
  const name = query.get("user");
  if (name === null || (principal.kind === "User" && name === principal.userName)) return undefined;
  if (!mayActForOthers(principal))
    throw new AppError("forbidden", `you may not make a token for user "${name}"`, {
      hint: "only administrators who may run impersonate make tokens for others; users make their own after mcpctl login",
    });
  const user = snapshot.named("user", name);
  if (!user) throw new AppError("not_found", `user "${name}" not found`, { hint: "Run: mcpctl get users" });
  if (!hasAllRightsOf(principal, snapshot, user))
    throw new AppError("forbidden", `user "${name}" has rights that you do not have`);
  return userPrincipal(snapshot, user.id);
}

async function rotate(server: Server, call: Call): Promise<Response> {
  const { catalogue, resources, random } = server;
  const { principal } = call;
  for (let attempt = 1; ; attempt++) {
    const scope = scopeIn(token, call.query);
    const row = resources.find(principal, "view", token, call.params["idOrName"]!, scope);
    const { snapshot } = catalogue;
    const makers = (makersOf(snapshot, row) ?? []).map(({ id }) => id);
    const user = row.owner === null ? undefined : snapshot.byId.get(row.owner);
    const mayCreate = decide(principal, "create", token.plural) === "allow";
    const forAnother = user && mayActForOthers(principal) && hasAllRightsOf(principal, snapshot, user);
    if (!mayRotate(principal, row, makers, mayCreate) && !forAnother)
      throw new AppError("forbidden", `you may not rotate token "${row.name}"`, {
        hint: "users rotate their own tokens after mcpctl login",
      });
    const bearer = mintBearer("pat", random);
    const now = server.now();
    const next = {
      ...row,
      version: row.version + 1,
      updatedAt: now,
      status: { ...row.status, prefix: bearerPrefix(bearer) },
    };
    const detail = { kind: token.kind, name: row.name, id: row.id };
    try {
      await catalogue.commit([
        { op: "update", row: next, refs: snapshot.refsOf(row.id) },
        { op: "setBearer", tokenId: row.id, hash: bearerHash(bearer) },
        { op: "audit", event: eventBy(call, { at: now, action: "rotate", status: 200, detail }) },
      ]);
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale" || attempt === attempts) throw error;
      await catalogue.refresh();
      continue;
    }
    return Response.json(
      { ...resources.present(principal, token, next), token: bearer },
      { headers: { "cache-control": "no-store" } },
    );
  }
}
