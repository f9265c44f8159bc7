import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { token } from "../../../kinds/token.ts";
import { bearerHash, bearerPrefix, mintBearer } from "../../core/access/bearer.ts";
import type { Principal } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import { madeBy } from "../../core/access/token-makers.ts";
import { isGivenOut, mayActForOthers } from "../../core/access/token-rights.ts";
import { hasAllRightsOf } from "../../core/catalogue/hooks/user.ts";
import type { Write } from "../../core/store/types.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { changeToken } from "../token-changes.ts";
import { costLimitRoutes } from "./cost-limits.ts";
import type { KindRoutes } from "./define.ts";

/** The longest time from now to the end of a token that is renewed, in seconds. */
const longestRenewal = 24 * 60 * 60;

const Renewal = Type.Object(
  {
    seconds: Type.Integer({
      minimum: 1,
      maximum: longestRenewal,
      description: "Seconds from now to its new end",
    }),
  },
  { additionalProperties: false },
);

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
    {
      method: "POST",
      path: "/api/v1/tokens/:idOrName/renew",
      access: { verb: "view", resource: token.plural },
      summary:
        "Set the end of a token that expires, to 24 hours from now at most; no token does this for itself",
      query: { [token.scopedBy!]: "Scope of the name" },
      body: Renewal,
      handle: (call) => renew(server, call),
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
  let bearer = "";
  const shown = await changeToken(server, call, {
    action: "rotate",
    bySelf: true,
    make(row, _makers, isForAnother) {
      bearer = mintBearer("pat", server.random);
      const { givenBy: _before, ...status } = row.status;
      const given = isForAnother && { givenBy: call.principal.userId };
      const { snapshot } = server.catalogue;
      // Somebody else than the user has the new bearer (T266), and can rotate the tokens that it made (T361).
      const isHandedOver = isForAnother || isGivenOut(snapshot, call.principal);
      const tokens = isHandedOver ? [row, ...madeBy(snapshot, row.id)] : [];
      const writes: Write[] = [
        { op: "setBearer", tokenId: row.id, hash: bearerHash(bearer) },
        ...tokens.map(({ id }): Write => ({ op: "deleteTasksOf", userId: row.owner!, tokenId: id })),
      ];
      const handedOver = isHandedOver && { handedOverAt: server.now() };
      return {
        row: { status: { ...status, prefix: bearerPrefix(bearer), ...given, ...handedOver } },
        writes,
      };
    },
  });
  return Response.json({ ...shown, token: bearer }, { headers: { "cache-control": "no-store" } });
}

/** Sets the end of a token that ends: so long from now, and no later than the tokens that made it (T113). */
async function renew(server: Server, call: Call): Promise<Response> {
  let seconds: number | undefined;
  const shown = await changeToken(server, call, {
    action: "renew",
    bySelf: false,
    async make(row, makers) {
      seconds ??= (await readBody(call, server.deadlines, Renewal)).seconds;
      if (typeof row.spec.expiresAt !== "string")
        throw new AppError("conflict", `token "${row.name}" does not expire`);
      const ends = makers.flatMap(({ spec }) => (spec.expiresAt ? [Date.parse(spec.expiresAt)] : []));
      const end = Math.min(server.now() + seconds * 1000, ...ends);
      return { row: { spec: { ...row.spec, expiresAt: new Date(end).toISOString() } } };
    },
  });
  return Response.json(shown);
}
