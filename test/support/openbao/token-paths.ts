import type { Core } from "./core.ts";
import type { Fields, Schema } from "./decode.ts";
import { type Backend, type Handler, name } from "./framework.ts";
import {
  type Data,
  failure,
  type LogicalRequest,
  type LogicalResponse,
  Refusal,
  sorted,
  type Token,
  timestamp,
} from "./logical.ts";
import { hasSudo, makeToken } from "./token-create.ts";
import { rolePaths, roleStore } from "./token-roles.ts";
import { authOf, calculateTtl } from "./token-store.ts";

const created: Schema = {
  display_name: "string",
  explicit_max_ttl: "string",
  entity_alias: "string",
  num_uses: "int",
  period: "string",
  renewable: { type: "bool", fallback: true },
  ttl: "string",
  lease: "string",
  type: "string",
  no_default_policy: "bool",
  id: "string",
  meta: "pairs",
  no_parent: "bool",
  policies: "strings",
};
const renewed: Schema = { token: "string", accessor: "string", increment: "seconds" };

/** Makes the auth method `token`. */
export function tokenBackend(core: Core): Backend {
  const { tokens, now } = core;
  const roles = roleStore();
  const find = (id: string) => {
    const token = tokens.find(id);
    return token !== undefined && token.numUses >= 0 ? token : undefined;
  };
  const byAccessor = ({ namespace }: LogicalRequest, fields: Fields): Token | undefined => {
    const accessor: string = fields.get("accessor");
    if (accessor === "") throw failure(400, "missing accessor");
    const owner = core.namespaces.find(({ id }) => accessor.endsWith(`.${id}`))?.id ?? "root";
    if (owner !== namespace.id) throw failure(500, "cannot lookup token in different namespace");
    return tokens.byAccessor(accessor);
  };
  const existing = (request: LogicalRequest, fields: Fields): Token => {
    const token = byAccessor(request, fields);
    if (token === undefined) throw failure(400, "invalid accessor");
    return token;
  };
  const named = (fields: Fields): string => {
    if (fields.get("token") === "") throw new Refusal(400, "missing token ID");
    return fields.get("token");
  };

  const lookup: Handler = ({ token }, fields) => {
    const found = tokens.find(fields.get("token") || token);
    if (found === undefined) throw new Refusal(403, "bad token");
    return { data: shown(found, now()) };
  };
  const lookupSelf: Handler = ({ token }) => ({ data: shown(tokens.find(token)!, now()) });
  const renew = (token: Token | undefined, increment: number): LogicalResponse => {
    if (token === undefined) throw new Refusal(400, "token not found");
    return renewToken(core, token, increment);
  };
  const revoke = (id: string): void => {
    const token = find(id);
    if (token?.type === "batch") throw new Refusal(400, "batch tokens cannot be revoked");
    if (token !== undefined) tokens.revoke(token);
  };
  const update = (handler: Handler) => ({ update: handler });

  return {
    sudo: ["revoke-orphan/*", "accessors*"],
    paths: [
      ...rolePaths(roles),
      {
        pattern: /^accessors\/?$/,
        operations: {
          list: () => ({
            data: {
              keys: sorted([...tokens.all()].map(({ accessor }) => accessor).filter((one) => one !== "")),
            },
          }),
        },
      },
      {
        pattern: /^create-orphan$/,
        fields: created,
        operations: update((request, fields) => makeToken(core, request, fields, { orphan: true })),
      },
      {
        pattern: new RegExp(`^create/(?<role_name>${name})$`),
        fields: { ...created, role_name: "string" },
        operations: update((request, fields) => {
          const role = roles.get(request.namespace, fields.get("role_name"));
          if (role === undefined) throw new Refusal(400, `unknown role ${fields.get("role_name")}`);
          const again = () => roles.get(request.namespace, role.name);
          return makeToken(core, request, fields, { orphan: role.orphan, role, again });
        }),
      },
      {
        pattern: /^create$/,
        fields: created,
        operations: update((request, fields) => makeToken(core, request, fields, { orphan: false })),
      },
      { pattern: /^lookup$/, fields: { token: "string" }, operations: { read: lookup, update: lookup } },
      {
        pattern: /^lookup-accessor$/,
        fields: { accessor: "string" },
        operations: update((request, fields) => ({
          data: { ...shown(existing(request, fields), now()), id: "" },
        })),
      },
      {
        pattern: /^lookup-self$/,
        fields: { token: "string" },
        operations: { read: lookupSelf, update: lookupSelf },
      },
      {
        pattern: /^revoke-accessor$/,
        fields: { accessor: "string" },
        operations: update((request, fields) => {
          const token = byAccessor(request, fields);
          if (token === undefined) return { warnings: ["No token found with this accessor"] };
          tokens.revoke(token);
          return undefined;
        }),
      },
      { pattern: /^revoke-self$/, operations: update(({ token }) => revoke(token)) },
      {
        pattern: /^revoke$/,
        fields: { token: "string" },
        operations: update((_, fields) => revoke(named(fields))),
      },
      {
        pattern: /^revoke-orphan$/,
        fields: { token: "string" },
        operations: update((request, fields) => {
          const id = named(fields);
          if (!hasSudo(core, request))
            throw new Refusal(400, "root or sudo privileges required to revoke and orphan");
          const token = find(id);
          if (token === undefined) throw new Refusal(400, "token to revoke not found");
          if (token.type === "batch") throw new Refusal(400, "batch tokens cannot be revoked");
          tokens.revokeAlone(token);
        }),
      },
      {
        pattern: /^renew-accessor$/,
        fields: renewed,
        operations: update((request, fields) => {
          const { auth, ...rest } = renew(existing(request, fields), fields.get("increment"));
          return { ...rest, auth: { ...auth!, client_token: "" } };
        }),
      },
      {
        pattern: /^renew-self$/,
        fields: renewed,
        operations: update(({ token }, fields) => renew(find(token), fields.get("increment"))),
      },
      {
        pattern: /^renew$/,
        fields: renewed,
        operations: update((_, fields) => renew(find(named(fields)), fields.get("increment"))),
      },
    ],
  };
}

/** Renews a token. Throws a Refusal if that is not possible. */
function renewToken({ now }: Core, token: Token, increment: number): LogicalResponse {
  if (token.type === "batch") throw new Refusal(400, "batch tokens cannot be renewed");
  if (token.expireTime === undefined || !token.renewable) throw new Refusal(400, "lease is not renewable");
  const own = {
    ttl: token.leaseTtl,
    maxTtl: 0,
    period: token.period,
    explicitMaxTtl: token.explicitMaxTtl,
  };
  const by = token.renewal?.() ?? own;
  let calculated: ReturnType<typeof calculateTtl>;
  try {
    calculated = calculateTtl(now(), {
      ...by,
      ttl: by.ttl || token.leaseTtl,
      increment,
      start: token.issueTime,
    });
  } catch (error) {
    throw failure(500, (error as Error).message);
  }
  token.leaseTtl = calculated.ttl;
  token.lastRenewal = now();
  token.expireTime = token.lastRenewal + calculated.ttl * 1000;
  return { auth: authOf(token), warnings: calculated.warnings };
}

/** Returns a token as a lookup shows it. */
function shown(token: Token, now: number): Data {
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
  const left = (end: number) => Math.trunc((end - Math.round(now / 1000) * 1000) / 1000);
  return {
    accessor: token.accessor,
    creation_time: seconds(token.creationTime),
    creation_ttl: token.ttl,
    display_name: token.displayName,
    entity_id: token.entityId,
    expire_time: token.expireTime === undefined ? null : timestamp(token.expireTime),
    explicit_max_ttl: token.explicitMaxTtl,
    id: token.id,
    issue_time: timestamp(token.issueTime),
    ...(token.lastRenewal !== undefined && {
      last_renewal: timestamp(token.lastRenewal),
      last_renewal_time: seconds(token.lastRenewal),
    }),
    meta: token.meta,
    ...(token.namespace.path !== "" && { namespace_path: token.namespace.path }),
    num_uses: token.numUses,
    orphan: token.parent === undefined,
    path: token.path,
    ...(token.period !== 0 && { period: token.period }),
    policies: token.policies,
    renewable: token.renewable,
    ...(token.role !== "" && { role: token.role }),
    ttl: token.expireTime === undefined ? 0 : left(token.expireTime),
    type: token.type,
  };
}
