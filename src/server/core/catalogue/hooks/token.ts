import { bearerHash, bearerPrefix, mintBearer } from "../../access/bearer.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";
import { bindGrants, normaliseGrants } from "./grants.ts";

export const tokenHooks: Hooks<RowOf<"token">> = {
  normalise: normaliseGrants,
  prepare(draft, services) {
    const expiresAt = draft.row.spec.expiresAt;
    if (typeof expiresAt === "string" && !draft.before && Date.parse(expiresAt) <= services.now()) {
      draft.faults.push({ path: "/expiresAt", message: "must be in the future" });
    }
    if (draft.before) return;
    bindGrants(draft);
    const bearer = mintBearer("pat", services.random);
    draft.row.status = { ...draft.row.status, prefix: bearerPrefix(bearer) };
    draft.writeAfter.push({ op: "setBearer", tokenId: draft.row.id, hash: bearerHash(bearer) });
    draft.response["token"] = bearer;
  },
  status(row, { snapshot, now }) {
    const expiresAt = row.spec.expiresAt;
    const expired = typeof expiresAt === "string" && Date.parse(expiresAt) <= now;
    const used = snapshot.volatile.lastUsed.get(row.id);
    const lastUsedAt = used === undefined ? null : new Date(used - (used % 60_000)).toISOString();
    return { prefix: row.status.prefix, lastUsedAt, status: expired ? "expired" : "active" };
  },
};
