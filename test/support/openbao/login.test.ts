import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ServiceAccount, serviceAccountJwt } from "./kubernetes.ts";
import { openBao } from "./open.ts";
import { ownAuth } from "./resources.ts";
import { denied, done, error, shape, success, unknownToken } from "./shape.ts";
import type { TestBao } from "./types.ts";

const loggedIn = (over: object = {}) => ({
  client_token: "<token>",
  accessor: "<accessor>",
  policies: ["default"],
  token_policies: ["default"],
  lease_duration: 3600,
  renewable: true,
  entity_id: "<uuid>",
  token_type: "service",
  orphan: true,
  mfa_requirement: null,
  num_uses: 0,
  ...over,
});
const withoutToken = { token: "" };
const login = async (bao: TestBao, at: string, body: unknown) =>
  shape(await bao.call("POST", `${at}/login`, body, withoutToken));

describe("AppRole", () => {
  const wrong = error(400, "invalid role or secret ID");

  /** A role and what one logs in with as it. */
  async function role(bao: TestBao, wishes: object = {}, secret: object = {}) {
    const at = await ownAuth(bao, "approle");
    expect(
      shape(await bao.call("POST", `${at}/role/app`, { token_ttl: "1h", token_max_ttl: "4h", ...wishes })),
    ).toEqual(done);
    const { role_id } = (await bao.call("GET", `${at}/role/app/role-id`)).body.data;
    const issued = await bao.call("POST", `${at}/role/app/secret-id`, secret);
    return { at, role_id, secret_id: issued.body.data.secret_id, issued };
  }

  it("logs in with a role id and a secret id", async () => {
    const bao = await openBao();
    const { at, role_id, secret_id, issued } = await role(bao);
    expect(shape(issued)).toEqual(
      success({ secret_id: "<uuid>", secret_id_accessor: "<uuid>", secret_id_num_uses: 0, secret_id_ttl: 0 }),
    );
    const auth = loggedIn({ metadata: { role_name: "app" } });
    expect(await login(bao, at, { role_id, secret_id })).toEqual(success(null, { auth }));
    expect(
      shape(await bao.call("POST", `${at}/login`, { role_id, secret_id }, { token: "s.nobodys" })),
    ).toEqual(success(null, { auth }));
    const { body } = await bao.call("PUT", `${at}/login`, { role_id, secret_id }, withoutToken);
    const token = body.auth.client_token;
    const { data } = (await bao.call("GET", "auth/token/lookup-self", undefined, { token })).body;
    expect(data).toMatchObject({
      orphan: true,
      path: `${at}/login`,
      creation_ttl: 3600,
      meta: { role_name: "app" },
    });
    expect(data.display_name).toBe(at.slice("auth/".length));
  });

  it("refuses every other login", async () => {
    const bao = await openBao();
    const { at, role_id, secret_id } = await role(bao);
    expect(await login(bao, at, { role_id: "nobody", secret_id })).toEqual(wrong);
    expect(await login(bao, at, { role_id, secret_id: "wrong" })).toEqual(wrong);
    expect(await login(bao, at, { role_id })).toEqual(error(400, "missing secret_id"));
    for (const body of [{}, { secret_id }, { role_id: "", secret_id }])
      expect(await login(bao, at, body)).toEqual(error(500, "missing role_id"));
    expect(shape(await bao.call("GET", `${at}/login?role_id=x`, undefined, withoutToken))).toEqual(
      error(405, "unsupported operation"),
    );
    expect(await login(bao, "auth/nowhere", { role_id, secret_id })).toEqual(unknownToken);
    expect(shape(await bao.call("DELETE", `${at}/role/app`))).toEqual(done);
    expect(await login(bao, at, { role_id, secret_id })).toEqual(wrong);
  });

  it("locks an entity after five failures, also for a right login", async () => {
    const bao = await openBao();
    const { at, role_id, secret_id } = await role(bao);
    for (let n = 0; n < 5; n++) expect(await login(bao, at, { role_id, secret_id: "wrong" })).toEqual(wrong);
    expect(await login(bao, at, { role_id, secret_id: "wrong" })).toEqual(unknownToken);
    expect(await login(bao, at, { role_id, secret_id })).toEqual(unknownToken);
  });

  it("counts the uses of a secret id, and deletes a destroyed one", async () => {
    const bao = await openBao();
    const { at, role_id, secret_id } = await role(bao, {}, { num_uses: 1, metadata: '{"k":"v"}' });
    const auth = loggedIn({ metadata: { k: "v", role_name: "app" } });
    expect(await login(bao, at, { role_id, secret_id })).toEqual(success(null, { auth }));
    expect(await login(bao, at, { role_id, secret_id })).toEqual(wrong);
    const another = (await bao.call("POST", `${at}/role/app/secret-id`)).body.data.secret_id;
    expect((await login(bao, at, { role_id, secret_id: another }))[0]).toBe(200);
    expect(shape(await bao.call("POST", `${at}/role/app/secret-id/destroy`, { secret_id: another }))).toEqual(
      done,
    );
    expect(await login(bao, at, { role_id, secret_id: another })).toEqual(wrong);
  });

  it("renews tokens by their role, and not after the role is deleted", async () => {
    const bao = await openBao();
    const { at, role_id, secret_id } = await role(bao);
    const { body } = await bao.call("POST", `${at}/login`, { role_id, secret_id }, withoutToken);
    const token = body.auth.client_token;
    const renew = (increment: string) => bao.call("POST", "auth/token/renew-self", { increment }, { token });
    expect((await renew("2h")).body.auth.lease_duration).toBe(7200);
    const capped = await renew("10h");
    expect(capped.body.auth.lease_duration).toBeGreaterThan(4 * 3600 - 10);
    expect(capped.body.auth.lease_duration).toBeLessThanOrEqual(4 * 3600);
    expect(capped.body.warnings).toEqual([
      expect.stringMatching(/^TTL of "10h" exceeded the effective max_ttl of /),
    ]);
    expect(shape(await bao.call("DELETE", `${at}/role/app`))).toEqual(done);
    expect(shape(await renew("1h"))).toEqual(
      error(
        500,
        '1 error occurred:\n\t* failed to renew entry: role "app" does not exist during renewal\n\n',
      ),
    );
  });

  it("gives out tokens by its role, and revokes them when it is disabled", async () => {
    const bao = await openBao();
    const wishes = {
      token_policies: ["b", "A"],
      token_no_default_policy: true,
      token_num_uses: 9,
      token_period: "30m",
    };
    const { at, role_id, secret_id } = await role(bao, wishes);
    const shown = {
      bind_secret_id: true,
      local_secret_ids: false,
      secret_id_bound_cidrs: null,
      secret_id_num_uses: 0,
      secret_id_ttl: 0,
      token_bound_cidrs: [],
      token_explicit_max_ttl: 0,
      token_max_ttl: 14400,
      token_no_default_policy: true,
      token_num_uses: 9,
      token_period: 1800,
      token_policies: ["b", "A"],
      token_strictly_bind_ip: false,
      token_ttl: 3600,
      token_type: "default",
    };
    expect(shape(await bao.call("GET", `${at}/role/app`))).toEqual(success(shown));
    const { body } = await bao.call("POST", `${at}/login`, { role_id, secret_id }, withoutToken);
    expect(body.auth).toMatchObject({ policies: ["a", "b"], num_uses: 9, lease_duration: 1800 });
    const token = body.auth.client_token;
    expect(shape(await bao.call("GET", "auth/token/lookup-self", undefined, { token }))).toEqual(denied);
    expect(shape(await bao.call("DELETE", `sys/${at}`))).toEqual(done);
    expect(shape(await bao.call("GET", "auth/token/lookup-self", undefined, { token }))).toEqual(
      unknownToken,
    );
  });

  it("refuses roles that are not possible", async () => {
    const bao = await openBao();
    const { at, role_id } = await role(bao, { secret_id_ttl: "1h" });
    const write = async (body: object, name = "app") =>
      shape(await bao.call("POST", `${at}/role/${name}`, body));
    expect(await write({ token_ttl: "9h" })).toEqual(
      error(400, "'token_ttl' cannot be greater than 'token_max_ttl'"),
    );
    expect(await write({ token_num_uses: -1 })).toEqual(error(400, "'token_num_uses' cannot be negative"));
    expect(await write({ bind_secret_id: false })).toEqual(
      error(500, "1 error occurred:\n\t* at least one constraint should be enabled on the role\n\n"),
    );
    expect(await write({ role_id }, "other")).toEqual(
      error(500, "1 error occurred:\n\t* role_id already in use\n\n"),
    );
    expect(shape(await bao.call("GET", `${at}/role/other`))).toEqual(error(404));
    expect(shape(await bao.call("POST", `${at}/role/other/secret-id`))).toEqual(
      error(404, 'role "other" does not exist'),
    );
    expect(shape(await bao.call("POST", `${at}/role/app/secret-id`, { ttl: "2h" }))).toEqual(
      error(400, "ttl cannot be longer than the role's secret_id_ttl"),
    );
    expect(shape(await bao.call("GET", `${at}/role?list=true`))).toEqual(success({ keys: ["app"] }));
  });
});

describe("Kubernetes", () => {
  const account: ServiceAccount = { namespace: "tools", name: "mcpctl", uid: "8f2b1c9e" };
  const jwt = serviceAccountJwt(account);

  /** A role of a server behind which a Kubernetes knows one service account. */
  async function cluster() {
    const bao = await openBao({ jwts: new Map([[jwt, account]]) });
    const reviewer = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { spec } = (await request.json()) as { spec: { token: string } };
        const user = {
          username: `system:serviceaccount:${account.namespace}:${account.name}`,
          uid: account.uid,
        };
        const status = spec.token === jwt ? { authenticated: true, user } : { authenticated: false };
        return Response.json(
          { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status },
          { status: 201 },
        );
      },
    });
    onTestFinished(() => reviewer.stop(true));
    const at = await ownAuth(bao, "kubernetes");
    const config = {
      kubernetes_host: `http://127.0.0.1:${reviewer.port}`,
      kubernetes_ca_cert: readFileSync(`${import.meta.dirname}/../../fixtures/tls/localhost.crt`, "utf8"),
      disable_local_ca_jwt: true,
    };
    const bound = { bound_service_account_names: ["mcpctl"], bound_service_account_namespaces: ["tools"] };
    expect(shape(await bao.call("POST", `${at}/role/app`, { ...bound, token_ttl: "1h" }))).toEqual(done);
    return { bao, at, config };
  }

  it("logs in a service account that Kubernetes accepts", async () => {
    const { bao, at, config } = await cluster();
    expect(await login(bao, at, { role: "app", jwt })).toEqual(
      error(500, "could not load backend configuration"),
    );
    expect(shape(await bao.call("POST", `${at}/config`, config))).toEqual(done);
    const metadata = {
      role: "app",
      service_account_name: "mcpctl",
      service_account_namespace: "tools",
      service_account_secret_name: "",
      service_account_uid: account.uid,
    };
    expect(await login(bao, at, { role: "app", jwt })).toEqual(
      success(null, { auth: loggedIn({ metadata }) }),
    );
    const { token_reviewer_jwt_set, kubernetes_host } = (await bao.call("GET", `${at}/config`)).body.data;
    expect({ token_reviewer_jwt_set, kubernetes_host }).toEqual({
      token_reviewer_jwt_set: false,
      kubernetes_host: config.kubernetes_host,
    });
  });

  it("refuses every other login", async () => {
    const { bao, at, config } = await cluster();
    await bao.call("POST", `${at}/config`, config);
    expect(await login(bao, at, { jwt })).toEqual(error(400, "missing role"));
    expect(await login(bao, at, { role: "app" })).toEqual(error(400, "missing jwt"));
    expect(await login(bao, at, { role: "none", jwt })).toEqual(error(400, 'invalid role name "none"'));
    for (const other of ["nonsense", "a.b.c", serviceAccountJwt({ ...account, uid: "0" })])
      expect(await login(bao, at, { role: "app", jwt: other })).toEqual(unknownToken);
    expect(
      await login(bao, at, { role: "app", jwt: serviceAccountJwt({ ...account, name: "other" }) }),
    ).toEqual(error(403, "service account name not authorized"));
    expect(
      await login(bao, at, { role: "app", jwt: serviceAccountJwt({ ...account, namespace: "other" }) }),
    ).toEqual(error(403, "namespace not authorized"));
  });

  it("refuses a configuration and roles that are not possible", async () => {
    const { bao, at } = await cluster();
    const post = async (path: string, body: object) => shape(await bao.call("POST", `${at}/${path}`, body));
    expect(await post("config", {})).toEqual(error(400, "no host provided"));
    expect(await post("config", { kubernetes_host: "x", disable_local_ca_jwt: true })).toEqual(
      error(400, "kubernetes_ca_cert must be given when disable_local_ca_jwt is true"),
    );
    expect(await post("role/x", {})).toEqual(error(400, '"bound_service_account_names" can not be empty'));
    expect(
      await post("role/x", { bound_service_account_names: "a,*", bound_service_account_namespaces: "b" }),
    ).toEqual(error(400, 'can not mix "*" with values'));
    expect(shape(await bao.call("GET", `${at}/role/x`))).toEqual(error(404));
    expect(shape(await bao.call("GET", `${at}/role?list=true`))).toEqual(success({ keys: ["app"] }));
  });
});
