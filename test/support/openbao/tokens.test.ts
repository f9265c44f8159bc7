import { describe, expect, it } from "vitest";
import { openBao } from "./open.ts";
import { ownName, ownPolicy, ownToken, tokenMay } from "./resources.ts";
import { auth, denied, done, error, looked, shape, success, unknownToken } from "./shape.ts";
import type { TestBao } from "./types.ts";

const failure = (status: number, text: string) => error(status, `1 error occurred:\n\t* ${text}\n\n`);

async function lookup(bao: TestBao, token: string) {
  return shape(await bao.call("GET", "auth/token/lookup-self", undefined, { token }));
}

describe("a token", () => {
  it("is created, and can look itself up", async () => {
    const bao = await openBao();
    const policy = await ownPolicy(bao, 'path "nothing" {}');
    const made = await bao.call("POST", "auth/token/create", {
      policies: [policy],
      ttl: "1h",
      meta: { k: "v" },
    });
    expect(shape(made)).toEqual(success(null, { auth: auth(["default", policy], { metadata: { k: "v" } }) }));
    const { client_token: token, accessor } = made.body.auth;
    const data = looked(["default", policy], { meta: { k: "v" } });
    expect(await lookup(bao, token)).toEqual(success(data));
    expect(shape(await bao.call("POST", "auth/token/lookup", { token }))).toEqual(success(data));
    expect(shape(await bao.call("POST", "auth/token/lookup-accessor", { accessor }))).toEqual(
      success({ ...data, id: "" }),
    );
    expect(
      (await bao.call("GET", "auth/token/lookup-self", undefined, { token })).body.data.ttl,
    ).toBeGreaterThan(3590);
    expect(shape(await bao.call("POST", "auth/token/revoke-self", undefined, { token }))).toEqual(done);
    expect(await lookup(bao, token)).toEqual(unknownToken);
    expect(shape(await bao.call("POST", "auth/token/revoke", { token }))).toEqual(done);
    expect(shape(await bao.call("POST", "auth/token/lookup", { token }))).toEqual(error(403, "bad token"));
    expect(shape(await bao.call("POST", "auth/token/lookup-accessor", { accessor }))).toEqual(
      failure(400, "invalid accessor"),
    );
    expect(shape(await bao.call("POST", "auth/token/revoke-accessor", { accessor }))).toEqual(
      success(null, { warnings: ["No token found with this accessor"] }),
    );
  });

  it("is read from either of two headers, and from no other", async () => {
    const bao = await openBao();
    const path = `${bao.mount}/data/x`;
    const send = async (headers: Record<string, string>) =>
      shape(await bao.call("GET", path, undefined, { token: "", headers }));
    expect(await send({ "x-vault-token": bao.token })).toEqual(error(404));
    expect(await send({ authorization: `Bearer ${bao.token}` })).toEqual(error(404));
    for (const headers of [
      {},
      { authorization: `bearer ${bao.token}` },
      { authorization: bao.token },
      { "x-bao-token": bao.token },
    ])
      expect(await send(headers as Record<string, string>)).toEqual(unknownToken);
    for (const token of ["s.nobodys", "hvs.nobodys", "nonsense", `${bao.token}x`])
      expect(await send({ "x-vault-token": token })).toEqual(unknownToken);
  });

  it("expires with the token that made it, unless it is an orphan", async () => {
    const bao = await openBao();
    const may = ["create", "create-orphan"]
      .map((at) => `path "auth/token/${at}" { capabilities = ["update"] }`)
      .join("\n");
    const policies = [await ownPolicy(bao, may)];
    const parent = (await ownToken(bao, { policies })).client_token;
    const child = (await ownToken(bao, { policies }, parent)).client_token;
    const grandchild = (await ownToken(bao, { policies }, child)).client_token;
    const orphan = (await ownToken(bao, { policies }, parent, "create-orphan")).client_token;
    expect((await lookup(bao, grandchild))[0]).toBe(200);
    expect(shape(await bao.call("POST", "auth/token/revoke", { token: parent }))).toEqual(done);
    for (const gone of [parent, child, grandchild]) expect(await lookup(bao, gone)).toEqual(unknownToken);
    expect(await lookup(bao, orphan)).toMatchObject([
      200,
      { data: { orphan: true, path: "auth/token/create-orphan" } },
    ]);
  });

  it("can be used as often as its number of uses", async () => {
    const bao = await openBao();
    const { client_token: token } = await ownToken(bao, { policies: ["default"], num_uses: 3 });
    expect(await lookup(bao, token)).toMatchObject([200, { data: { num_uses: 2 } }]);
    expect(shape(await bao.call("POST", "auth/token/create", {}, { token }))).toEqual(denied);
    expect(await lookup(bao, token)).toMatchObject([200, { data: { num_uses: -1 } }]);
    expect(await lookup(bao, token)).toEqual(unknownToken);
  });

  it("cannot give out more permissions than it has", async () => {
    const bao = await openBao();
    const token = await tokenMay(bao, 'path "auth/token/create*" { capabilities = ["update"] }');
    const [own] = (await bao.call("GET", "auth/token/lookup-self", undefined, { token: bao.token })).body.data
      .policies;
    const create = async (wishes: object) =>
      shape(await bao.call("POST", "auth/token/create", wishes, { token }));
    expect(own).toBe("root");
    expect(await create({ policies: ["root"] })).toEqual(
      error(400, "child policies must be subset of parent"),
    );
    expect(await create({ policies: ["default"] })).toEqual(
      error(400, "child policies must be subset of parent"),
    );
    expect(await create({ no_parent: true })).toEqual(
      error(400, "root or sudo privileges required to create orphan token"),
    );
    expect(await create({ period: "1h" })).toEqual(
      error(400, "root or sudo privileges required to create periodic token"),
    );
    expect(await create({ id: "mine" })).toEqual(
      error(400, "root or sudo privileges required to specify token id"),
    );
    const [status, body] = await create({ ttl: "1h" });
    expect([status, (body as { auth: unknown }).auth]).toEqual([200, auth([expect.any(String)])]);
  });

  it("is refused with parameters that are not possible", async () => {
    const bao = await openBao();
    const create = async (wishes: object) => shape(await bao.call("POST", "auth/token/create", wishes));
    expect(await create({ ttl: "soon" })).toEqual(error(400, 'time: invalid duration "soon"'));
    expect(await create({ ttl: "-1s" })).toEqual(error(400, "ttl must be positive"));
    expect(await create({ num_uses: -1 })).toEqual(error(400, "number of uses cannot be negative"));
    expect(await create({ type: "other" })).toEqual(error(400, "invalid 'token_type' value"));
    expect(await create({ id: "s.x" })).toEqual(error(400, "custom token ID cannot have the 's.' prefix"));
    const missing = ownName("policy");
    const { status, body } = await bao.call("POST", "auth/token/create-orphan", {
      policies: [missing.toUpperCase(), " ", missing],
      ttl: "800h",
      display_name: "a b/é",
    });
    await bao.call("POST", "auth/token/revoke", { token: body.auth.client_token });
    expect(status).toBe(200);
    expect(body.auth.policies).toEqual(["default", missing]);
    expect(body.auth.lease_duration).toBe(2_764_800);
    expect(body.warnings).toEqual([
      'TTL of "800h" exceeded the effective max_ttl of "768h"; TTL value is capped accordingly',
      `Policy "${missing}" does not exist`,
    ]);
  });
});

describe("a renewal", () => {
  it("extends a token by the requested time, or by its last TTL", async () => {
    const bao = await openBao();
    const { client_token: token } = await ownToken(bao, { policies: ["default"], ttl: "1h" });
    const renew = async (body: object) =>
      shape(await bao.call("POST", "auth/token/renew-self", body, { token }));
    expect(await renew({})).toEqual(success(null, { auth: auth(["default"]) }));
    expect(await renew({ increment: "2h" })).toEqual(
      success(null, { auth: auth(["default"], { lease_duration: 7200 }) }),
    );
    expect(await renew({})).toEqual(success(null, { auth: auth(["default"], { lease_duration: 7200 }) }));
    const renewed = { last_renewal: "<time>", last_renewal_time: expect.any(Number) };
    expect(await lookup(bao, token)).toEqual(success(looked(["default"], renewed)));
    expect(await renew({ increment: "soon" })).toEqual(
      error(
        400,
        `Field validation failed: error converting input for field "increment": time: invalid duration "soon"`,
      ),
    );
  });

  it("extends a periodic token by its period, whatever was requested", async () => {
    const bao = await openBao();
    const { client_token: token } = await ownToken(bao, { policies: ["default"], period: "1h" });
    expect(await lookup(bao, token)).toEqual(success(looked(["default"], { period: 3600 })));
    const renewed = await bao.call("POST", "auth/token/renew-self", { increment: "5h" }, { token });
    expect(renewed.body.auth.lease_duration).toBe(3600);
    expect(renewed.body.warnings).toBeNull();
  });

  it("does not extend a token beyond its maximal TTL", async () => {
    const bao = await openBao();
    const wishes = { policies: ["default"], ttl: "10m", explicit_max_ttl: "1h" };
    const { client_token: token } = await ownToken(bao, wishes);
    const renewed = await bao.call("POST", "auth/token/renew-self", { increment: "5h" }, { token });
    expect(renewed.body.auth.lease_duration).toBeLessThanOrEqual(3600);
    expect(renewed.body.auth.lease_duration).toBeGreaterThan(3590);
    expect(renewed.body.warnings).toEqual([
      expect.stringMatching(/^TTL of "5h" exceeded the effective max_ttl of /),
    ]);
  });

  it("is refused for tokens that are not renewable", async () => {
    const bao = await openBao();
    const { client_token: token } = await ownToken(bao, {
      policies: ["default"],
      ttl: "1h",
      renewable: false,
    });
    const refused = error(400, "lease is not renewable");
    expect(shape(await bao.call("POST", "auth/token/renew-self", {}, { token }))).toEqual(refused);
    expect(shape(await bao.call("POST", "auth/token/renew-self", {}))).toEqual(refused);
    expect(shape(await bao.call("POST", "auth/token/renew", { token: "s.nobodys" }))).toEqual(
      error(400, "token not found"),
    );
    expect(shape(await bao.call("POST", "auth/token/renew", {}))).toEqual(error(400, "missing token ID"));
  });
});
