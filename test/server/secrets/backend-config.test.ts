import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { keyFileIn } from "../../support/sealing.ts";
import { must, testServer } from "../../support/server.ts";
import { shared } from "../../support/shared.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const path = "/api/v1/secretbackends";
const url = "http://127.0.0.1:1";
const auth = { method: "token", tokenSecretRef: { name: "bao-token", key: "token" } };

/** Starts a server with the secret `bao-token`. Returns it with a function that creates a backend `bao`. */
async function startServerWithToken() {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/secrets", { name: "bao-token", data: { token: "t-0123" } }));
  const create = (config: object, call = server.admin) =>
    call("POST", path, { name: "bao", type: "openbao", config });
  return { server, create };
}

/** For tests in which no backend is made. */
const withToken = shared(startServerWithToken);

describe("the config of a backend in OpenBao", () => {
  it("is completed with defaults, and unchanged by a round trip", async () => {
    const { server, create } = await startServerWithToken();
    const { body } = await must(create({ url: `${url}/v1/`, auth: { tokenSecretRef: auth.tokenSecretRef } }));
    expect(body.config).toEqual({ url, mount: "secret", pathPrefix: "mcpctl", auth });
    const again = await must(server.admin("PUT", `${path}/bao`, { config: body.config }));
    expect(again.body.version).toBe(body.version);
    const { body: whole } = await must(server.admin("GET", `${path}/bao`));
    expect((await must(server.admin("PUT", `${path}/bao`, whole))).body.version).toBe(body.version);
  });

  it.each([
    [{}, "/config/url", "is required"],
    [{ url: "" }, "/config/url", "must not be empty"],
    [{ url: "file:///etc/passwd" }, "/config/url", "must begin with http:// or https://"],
    [{ url: "http://169.254.169.254" }, "/config/url", "points at a link-local or metadata address"],
    [{ url: "https://u:p@bao.example.org" }, "/config/url", "must not contain credentials"],
    [{ url: "http://bao.example.org:8200" }, "/config/url", "must be https, except on this machine"],
    [{ url, urll: "x" }, "/config/urll", 'did you mean "url"'],
    [{ url, mount: "a/../b" }, "/config/mount", "must be words of letters"],
    [{ url, mount: "a//b" }, "/config/mount", "must be words of letters"],
    [{ url, pathPrefix: "a%2fb" }, "/config/pathPrefix", "must be words of letters"],
    [{ url, pathPrefix: "a." }, "/config/pathPrefix", "must be words of letters"],
    [{ url, pathPrefix: "" }, "/config/pathPrefix", "must be words of letters"],
    [{ url, namespace: "a?b" }, "/config/namespace", "must be words of letters"],
    [{ url, caCert: "not a certificate" }, "/config/caCert", "must be a certificate in PEM"],
    [{ url, auth: "token" }, "/config/auth", "must be an object"],
    [{ url, auth: { method: "ldap" } }, "/config/auth/method", 'must be "token" or "approle"'],
    [{ url, auth: { method: "token" } }, "/config/auth/tokenSecretRef", "is required"],
    [{ url, auth: { ...auth, token: "t-0123" } }, "/config/auth/token", "unknown field"],
    [{ url, auth: { method: "approle", roleId: "r" } }, "/config/auth/secretIdRef", "is required"],
    [{ url, auth: { method: "kubernetes" } }, "/config/auth/role", "is required"],
    [
      { url, auth: { method: "token", tokenSecretRef: { name: "nope", key: "k" } } },
      "/config/auth/tokenSecretRef",
      'there is no secret "nope"',
    ],
    [
      { url, auth: { method: "token", tokenSecretRef: { name: "bao-token", key: "nope" } } },
      "/config/auth/tokenSecretRef/key",
      'has no key "nope"',
    ],
  ])("is refused as %j, with the path and the reason (T01, T03, T07, T38)", async (config, where, why) => {
    const { server, create } = withToken();
    const { status, body } = await create(config);
    expect([status, body.details[0]]).toEqual([400, { path: where, message: expect.stringContaining(why) }]);
    expect((await server.admin("GET", `${path}/bao`)).status).toBe(404);
  });

  it("is refused for another type", async () => {
    const { server } = withToken();
    const answer = await server.admin("POST", path, { name: "p", type: "plaintext", config: { url } });
    expect([answer.status, answer.body.details[0].path]).toEqual([400, "/config/url"]);
  });

  it("may not lead to the server itself, by any name (T11)", async () => {
    const { server, create } = withToken();
    const { port } = new URL(server.url);
    for (const host of ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "127.0.0.9", hostname()]) {
      const { status, body } = await create({ url: `http://${host}:${port}`, allowInsecure: true });
      expect([host, status, body.details?.[0]]).toEqual([
        host,
        400,
        { path: "/config/url", message: "is this server itself" },
      ]);
    }
    const named = await testServer({ publicUrls: ["https://llm.example.org"] });
    const { body } = await named.admin("POST", path, {
      name: "bao",
      type: "openbao",
      config: { url: "https://llm.example.org/bao" },
    });
    expect(body.details[0].message).toBe("is this server itself");
  });

  it("may use plain http to another machine with allowInsecure", async () => {
    const { create } = await startServerWithToken();
    const { body } = await must(create({ url: "http://bao.example.org:8200", allowInsecure: true }));
    expect(body.config.allowInsecure).toBe(true);
  });
});

describe("the credential of a backend", () => {
  const grants = [
    { role: "edit", resource: "secretbackends" },
    { role: "view", resource: "secrets" },
  ];
  const withExpose = [...grants, { role: "expose", resource: "secrets" }];

  it("may be named only with expose on it, whether it exists or not (T12)", async () => {
    const { server, create } = await startServerWithToken();
    const editor = await server.token("editor", grants);
    const { status, body } = await create({ url, auth }, editor.call);
    expect([status, body.error]).toEqual([403, 'logging in with secret "bao-token" needs expose on it']);
    const missing = { method: "token", tokenSecretRef: { name: "nope", key: "k" } };
    expect((await create({ url, auth: missing }, editor.call)).body.error).toBe(
      'logging in with secret "nope" needs expose on it',
    );
    const exposer = await server.token("exposer", withExpose);
    await must(create({ url, auth }, exposer.call));
  });

  it("is removed if a caller without expose changes where it is sent (T12)", async () => {
    const { server, create } = await startServerWithToken();
    await must(create({ url, auth }));
    const editor = await server.token("editor", grants);
    const put = async (config: object) =>
      (await must(editor.call("PUT", `${path}/bao`, { config }))).body.config;
    expect((await put({ url, auth, mount: "kv" })).auth).toEqual(auth);
    expect((await put({ url: "https://127.0.0.1:1", auth })).auth).toBeUndefined();
    for (const change of [
      { allowInsecure: true },
      { caCert: "-----BEGIN CERTIFICATE-----\n" },
      { url: `${url}/tenant-b` },
      { namespace: "theirs" },
    ]) {
      await must(server.admin("PUT", `${path}/bao`, { config: { url, auth } }));
      expect((await put({ url, auth, ...change })).auth, JSON.stringify(change)).toBeUndefined();
    }
    await must(server.admin("PUT", `${path}/bao`, { config: { url, auth } }));
    const exposer = await server.token("exposer", withExpose);
    const moved = await exposer.call("PUT", `${path}/bao`, { config: { url: "https://127.0.0.1:1", auth } });
    expect(moved.body.config.auth).toEqual(auth);
  });

  it("may not be moved to OpenBao, and may not be deleted while it is used", async () => {
    const { server, create } = await startServerWithToken();
    await must(create({ url, auth }));
    const refused = await server.admin("DELETE", "/api/v1/secrets/bao-token");
    expect([refused.body.code, refused.body.error]).toEqual([
      "still_referenced",
      'secret "bao-token" is still used by secretbackend "bao"',
    ]);
    const wish = { from: "default", to: "bao", names: ["bao-token"] };
    const { body } = await must(server.admin("POST", "/api/v1/secrets/migrate", wish));
    expect(body.results).toEqual([
      {
        name: "bao-token",
        result: "failed",
        reason: "a backend logs in with it, so it cannot be in OpenBao",
      },
    ]);
    const whole = await must(server.admin("POST", "/api/v1/secrets/migrate", { from: "default", to: "bao" }));
    expect(whole.body.results[0].result).toBe("skipped");
  });

  it("is kept when its backend is not the default any more", async () => {
    const { server, create } = await startServerWithToken();
    await must(create({ url, auth }));
    await must(server.admin("PUT", `${path}/bao`, { isDefault: true }));
    await must(server.admin("PUT", `${path}/default`, { isDefault: true }));
    expect((await server.admin("GET", `${path}/bao`)).body.config.auth).toEqual(auth);
    expect((await server.admin("DELETE", "/api/v1/secrets/bao-token")).body.code).toBe("still_referenced");
  });
});

describe("a sealed backend", () => {
  it("cannot be created on a server without a master key", async () => {
    const server = await testServer();
    const { status, body } = await server.admin("POST", path, { name: "vault", type: "sealed" });
    expect([status, body.error]).toEqual([409, "this server has no master key to seal secrets with"]);
    expect(body.hint).toContain("--master-key-file");
  });

  it("stores and returns secrets, and can be created as the default", async () => {
    const folder = temporaryFolder();
    const server = await testServer({ folder, keyFile: keyFileIn(folder) });
    await must(server.admin("POST", path, { name: "vault", type: "sealed", isDefault: true }));
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "marked-value" } }));
    const { body } = await must(server.admin("GET", "/api/v1/secrets/s?reveal=true"));
    expect([body.backend, body.data]).toEqual(["vault", { k: "marked-value" }]);
    const { body: vault } = await must(server.admin("GET", `${path}/vault`));
    expect(vault.health).toEqual({ status: "healthy", reason: null, checkedAt: expect.any(String) });
    expect(vault.rotation).toBeNull();
  });
});
