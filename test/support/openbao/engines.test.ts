import { describe, expect, it, onTestFinished } from "vitest";
import { openBao } from "./open.ts";
import { ownMount, ownName, ownNamespace, ownPolicy, tokenMay } from "./resources.ts";
import { denied, done, error, shape, success, unknownToken } from "./shape.ts";

describe("an engine", () => {
  const shown = (over: object = {}) => ({
    accessor: "<accessor>",
    config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
    deprecation_status: "supported",
    description: "",
    external_entropy_access: false,
    local: false,
    options: { version: "2" },
    plugin_version: "",
    running_plugin_version: expect.stringMatching(/^v2\..*\+builtin\.bao$/),
    running_sha256: "",
    seal_wrap: false,
    type: "kv",
    uuid: "<uuid>",
    ...over,
  });

  it("is shown only to tokens that may do something in it", async () => {
    const bao = await openBao();
    const probe = async (token: string, mount = bao.mount) =>
      shape(await bao.call("GET", `sys/internal/ui/mounts/${mount}`, undefined, { token }));
    const refused = (mount: string) =>
      error(
        403,
        `preflight capability check returned 403, please ensure client's policies grant access to path "${mount}/"`,
      );
    const told = success(shown({ path: `${bao.mount}/` }));
    expect(await probe(bao.token)).toEqual(told);
    for (const path of [
      `${bao.mount}/data/mcpctl/*`,
      `${bao.mount}/*`,
      `+/data/x`,
      `${bao.mount}/metadata/x`,
    ])
      expect(await probe(await tokenMay(bao, `path "${path}" { capabilities = ["read"] }`)), path).toEqual(
        told,
      );
    for (const path of [`${bao.mount}x/*`, "other/*"])
      expect(await probe(await tokenMay(bao, `path "${path}" { capabilities = ["read"] }`)), path).toEqual(
        refused(bao.mount),
      );
    const denies = `path "${bao.mount}/data/*" { capabilities = ["deny"] }`;
    expect(await probe(await tokenMay(bao, denies))).toEqual(refused(bao.mount));
    // A denial of all of it is enough to be told, where nothing else is said of it.
    expect(await probe(await tokenMay(bao, denies.replace("/data", "")))).toEqual(told);
    expect(await probe(bao.token, "nowhere")).toEqual(refused("nowhere"));
    expect(await probe("s.nobodys")).toEqual(unknownToken);
    expect(await probe("")).toEqual(unknownToken);
    expect((await probe(bao.token, `${bao.mount}/data/x`))[0]).toBe(200);
  });

  it("is mounted once, and removed by a delete", async () => {
    const bao = await openBao();
    const mount = await ownMount(bao, { type: "kv-v2", description: "mine" });
    const { status, body } = await bao.call("GET", `sys/mounts/${mount}`);
    expect(shape({ status, body: body.data, headers: new Headers() })).toEqual([
      200,
      shown({ description: "mine" }),
    ]);
    expect(body).toMatchObject(body.data);
    const again = (path: string, wishes: object) =>
      bao.call("POST", `sys/mounts/${path}`, wishes).then(shape);
    expect(await again(mount, { type: "kv" })).toEqual(error(400, `path is already in use at ${mount}/`));
    expect(await again(`${mount}/sub`, { type: "kv" })).toEqual(
      error(400, `path is already in use at ${mount}/`),
    );
    const free = ownName("engine");
    expect(await again(free, {})).toEqual(error(400, "backend type must be specified as a string"));
    expect(await again(free, { type: "nonsense" })).toEqual(
      error(400, "plugin not found in the catalog: nonsense"),
    );
    expect(await again(free, { type: "kv", options: { version: "3" } })).toEqual(
      error(400, 'nil backend of type "kv" returned from factory'),
    );
    expect(await again("sys", { type: "kv" })).toEqual(error(400, 'cannot mount "sys/"'));
    await bao.call("POST", `${mount}/data/x`, { data: {} });
    expect(shape(await bao.call("DELETE", `sys/mounts/${mount}`))).toEqual(done);
    expect(shape(await bao.call("DELETE", `sys/mounts/${mount}`))).toEqual(done);
    expect(shape(await bao.call("GET", `sys/mounts/${mount}`))).toEqual(
      error(400, `No secret engine mount at ${mount}/`),
    );
    expect(shape(await bao.call("GET", `${mount}/data/x`))).toEqual(
      error(404, `no handler for route "${mount}/data/x". route entry not found.`),
    );
  });
});

describe("a namespace", () => {
  it("has its own engines, policies and tokens", async () => {
    const bao = await openBao();
    const namespace = await ownNamespace(bao);
    const inside = { namespace };
    expect(
      shape(await bao.call("POST", "sys/mounts/kv", { type: "kv", options: { version: "2" } }, inside)),
    ).toEqual(done);
    const policy = await ownPolicy(bao, 'path "kv/*" { capabilities = ["create", "read"] }', namespace);
    expect(shape(await bao.call("GET", `sys/policies/acl/${policy}`))).toEqual(error(404));
    const made = await bao.call("POST", "auth/token/create", { policies: [policy] }, inside);
    const token = made.body.auth.client_token;
    expect(token).toMatch(/^s\.\w{24}\.\w{6}$/);
    expect((await bao.call("POST", "kv/data/x", { data: { k: 1 } }, { ...inside, token })).status).toBe(200);
    for (const header of [namespace, `/${namespace}/`, `${namespace}/`])
      expect((await bao.call("GET", "kv/data/x", undefined, { namespace: header, token })).status).toBe(200);
    expect((await bao.call("GET", `${namespace}/kv/data/x`, undefined, { token })).status).toBe(200);
    expect(shape(await bao.call("GET", "kv/data/x", undefined, { token }))).toEqual(denied);
    expect(shape(await bao.call("GET", "auth/token/lookup-self", undefined, { token }))).toMatchObject([
      200,
      { data: { namespace_path: `${namespace}/` } },
    ]);
    const outside = await tokenMay(bao, 'path "kv/*" { capabilities = ["read"] }');
    expect(shape(await bao.call("GET", "kv/data/x", undefined, { ...inside, token: outside }))).toEqual(
      denied,
    );
  });

  it("is named by a header, and must exist", async () => {
    const bao = await openBao();
    const namespace = await ownNamespace(bao);
    const answer = await bao.call("GET", "sys/namespaces?list=true", undefined, { namespace });
    expect(shape(answer)).toEqual(error(404));
    expect(answer.headers.get("x-vault-namespace")).toBe(namespace);
    expect(shape(await bao.call("GET", "sys/mounts", undefined, { namespace: ownName("none") }))).toEqual(
      error(404, "namespace not found"),
    );
    expect(shape(await bao.call("GET", "sys/health", undefined, { namespace }))).toEqual(
      error(400, "operation unavailable in namespaces"),
    );
    const data = {
      custom_metadata: {},
      id: expect.any(String),
      locked: false,
      path: `${namespace}/`,
      tainted: false,
      uuid: "<uuid>",
    };
    expect(shape(await bao.call("GET", `sys/namespaces/${namespace}`))).toEqual(success(data));
    expect(shape(await bao.call("POST", "sys/namespaces/root", {}))).toEqual(
      error(400, '"root/" is a reserved path and cannot be used as a namespace name'),
    );
  });
});

describe("a rate limit", () => {
  it("applies to one engine, and is named in the error", async () => {
    const bao = await openBao();
    const name = ownName("quota");
    const limit = { path: `${bao.mount}/`, rate: 2, interval: "1h" };
    expect(shape(await bao.call("POST", `sys/quotas/rate-limit/${name}`, limit))).toEqual(done);
    onTestFinished(async () => void (await bao.call("DELETE", `sys/quotas/rate-limit/${name}`)));
    const data = {
      block_interval: 0,
      inheritable: false,
      interval: 3600,
      name,
      path: `${bao.mount}/`,
      rate: 2,
      role: "",
      type: "rate-limit",
    };
    expect(shape(await bao.call("GET", `sys/quotas/rate-limit/${name}`))).toEqual(success(data));
    const read = async (token = bao.token) =>
      shape(await bao.call("GET", `${bao.mount}/data/x`, undefined, { token }));
    expect(await read()).toEqual(error(404));
    expect(await read("")).toEqual(unknownToken);
    const limited = error(429, `request path "${bao.mount}/data/x": rate limit quota exceeded`);
    expect(await read()).toEqual(limited);
    expect(await read("")).toEqual(limited);
    expect((await bao.call("GET", "auth/token/lookup-self")).status).toBe(200);
    expect(shape(await bao.call("DELETE", `sys/quotas/rate-limit/${name}`))).toEqual(done);
    expect(await read()).toEqual(error(404));
    expect(shape(await bao.call("POST", `sys/quotas/rate-limit/${name}`, { rate: 0 }))).toEqual(
      error(400, "'rate' is invalid"),
    );
  });
});
