import { describe, expect, it } from "vitest";
import { openBao } from "./open.ts";
import { ownPolicy, ownToken, ownTokenRole, tokenMay } from "./resources.ts";
import { auth, denied, done, error, looked, shape, success, unknownToken } from "./shape.ts";
import type { TestBao } from "./types.ts";

const failure = (status: number, text: string) => error(status, `1 error occurred:\n\t* ${text}\n\n`);

async function lookup(bao: TestBao, token: string) {
  return shape(await bao.call("GET", "auth/token/lookup-self", undefined, { token }));
}

describe("a batch token", () => {
  it("is not stored: it cannot be renewed or revoked, and makes no other tokens", async () => {
    const bao = await openBao();
    const policies = [await ownPolicy(bao, 'path "auth/token/create" { capabilities = ["update"] }')];
    const parent = (await ownToken(bao, { policies, ttl: "1h" })).client_token;
    const made = await bao.call(
      "POST",
      "auth/token/create",
      { policies, type: "batch", ttl: "30m" },
      { token: parent },
    );
    const token = made.body.auth.client_token;
    expect(token).toMatch(/^b\./);
    const batch = { accessor: "", renewable: false, token_type: "batch", lease_duration: 1800 };
    expect(shape(made)).toEqual(success(null, { auth: auth(["default", policies[0]!], batch) }));
    const data = { accessor: "", renewable: false, type: "batch", creation_ttl: 1800 };
    expect(await lookup(bao, token)).toEqual(success(looked(["default", policies[0]!], data)));
    const post = async (path: string) => shape(await bao.call("POST", `auth/token/${path}`, {}, { token }));
    expect(await post("renew-self")).toEqual(error(400, "batch tokens cannot be renewed"));
    expect(await post("revoke-self")).toEqual(error(400, "batch tokens cannot be revoked"));
    expect(await post("create")).toEqual(error(400, "batch tokens cannot create more tokens"));
    await bao.call("POST", "auth/token/revoke", { token: parent });
    expect(await lookup(bao, token)).toEqual(unknownToken);
  });
});

describe("a token role", () => {
  const shown = (name: string, over: object = {}) => ({
    allowed_entity_aliases: null,
    allowed_policies: [],
    allowed_policies_glob: [],
    disallowed_policies: [],
    disallowed_policies_glob: [],
    explicit_max_ttl: 0,
    name,
    orphan: false,
    path_suffix: "",
    period: 0,
    renewable: true,
    token_explicit_max_ttl: 0,
    token_no_default_policy: false,
    token_period: 0,
    token_type: "default-service",
    ...over,
  });

  it("sets the properties of its tokens", async () => {
    const bao = await openBao();
    const policy = await ownPolicy(bao, 'path "nothing" {}');
    const role = await ownTokenRole(bao, {
      allowed_policies: [policy],
      orphan: true,
      token_period: "1h",
      token_no_default_policy: true,
    });
    const settings = {
      allowed_policies: [policy],
      orphan: true,
      token_period: 3600,
      token_no_default_policy: true,
    };
    expect(shape(await bao.call("GET", `auth/token/roles/${role}`))).toEqual(success(shown(role, settings)));
    const token = await tokenMay(bao, `path "auth/token/create/${role}" { capabilities = ["update"] }`);
    const create = (wishes: object) => bao.call("POST", `auth/token/create/${role}`, wishes, { token });
    const made = await create({});
    expect(shape(made)).toEqual(success(null, { auth: auth([policy], { orphan: true }) }));
    const at = { orphan: true, path: `auth/token/create/${role}`, role };
    expect(await lookup(bao, made.body.auth.client_token)).toEqual(denied);
    expect(
      shape(await bao.call("POST", "auth/token/lookup", { token: made.body.auth.client_token })),
    ).toEqual(success(looked([policy], at)));
    await bao.call("POST", "auth/token/revoke", { token: made.body.auth.client_token });
    expect(shape(await create({ policies: ["other"] }))).toEqual(
      error(
        400,
        `token policies (["other"]) must be subset of the role's allowed policies (["${policy}"]) or glob policies ([])`,
      ),
    );
  });

  it("limits the renewal of its tokens, which need it", async () => {
    const bao = await openBao();
    const role = await ownTokenRole(bao, { allowed_policies: ["default"], token_period: "1h" });
    const { client_token: token } = await ownToken(bao, {}, bao.token, `create/${role}`);
    expect(shape(await bao.call("POST", `auth/token/roles/${role}`, { token_period: "2h" }))).toEqual(done);
    const renew = () => bao.call("POST", "auth/token/renew-self", { increment: "9h" }, { token });
    expect((await renew()).body.auth.lease_duration).toBe(7200);
    expect(shape(await bao.call("DELETE", `auth/token/roles/${role}`))).toEqual(done);
    expect(shape(await renew())).toEqual(
      failure(500, `failed to renew entry: original token role "${role}" could not be found, not renewing`),
    );
    expect(shape(await bao.call("POST", `auth/token/create/${role}`, {}))).toEqual(
      error(400, `unknown role ${role}`),
    );
    expect(shape(await bao.call("GET", `auth/token/roles/${role}`))).toEqual(error(404));
  });

  it("forbids policies, limits uses and times, and accepts old field names", async () => {
    const bao = await openBao();
    const role = await ownTokenRole(bao, {
      disallowed_policies: "secret-one",
      allowed_policies_glob: ["app-*"],
      token_num_uses: 3,
      token_explicit_max_ttl: "30m",
      period: "1h",
    });
    const settings = {
      allowed_policies_glob: ["app-*"],
      disallowed_policies: ["secret-one"],
      token_num_uses: 3,
      token_explicit_max_ttl: 1800,
      period: 3600,
      token_period: 3600,
    };
    expect(shape(await bao.call("GET", `auth/token/roles/${role}`))).toEqual(success(shown(role, settings)));
    const { num_uses, lease_duration, policies } = await ownToken(
      bao,
      { policies: ["app-1"], no_default_policy: true },
      bao.token,
      `create/${role}`,
    );
    expect({ num_uses, lease_duration, policies }).toEqual({
      num_uses: 3,
      lease_duration: 1800,
      policies: ["app-1"],
    });
    expect(
      shape(await bao.call("POST", `auth/token/roles/${role}`, { token_period: "2h", period: "1h" })),
    ).toEqual(
      success(null, {
        warnings: [
          "Both 'token_period' and deprecated 'period' value supplied, ignoring the deprecated value",
        ],
      }),
    );
    expect(shape(await bao.call("POST", `auth/token/roles/${role}`, { token_type: "other" }))).toEqual(
      error(400, `invalid 'token_type' value "other"`),
    );
  });
});
