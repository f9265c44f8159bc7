import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fakeBao } from "./fake.ts";
import { ownToken } from "./resources.ts";
import { error, shape, unknownToken } from "./shape.ts";

const fixtures = `${import.meta.dirname}/../../fixtures/tls`;

describe("the fake OpenBao", () => {
  it("records every request", async () => {
    const bao = await fakeBao();
    await bao.call("POST", "secret/data/a%2Fb?x=1", { data: { k: "v" } }, { headers: { "x-own": "y" } });
    expect(bao.requests).toEqual([
      {
        method: "POST",
        path: "/v1/secret/data/a%2Fb?x=1",
        headers: expect.objectContaining({
          "x-vault-token": bao.token,
          "x-own": "y",
          "x-vault-request": "true",
        }),
        body: { data: { k: "v" } },
      },
    ]);
  });

  it("can be sealed and unsealed, and keeps its data", async () => {
    const bao = await fakeBao();
    await bao.call("POST", "secret/data/x", { data: { k: "v" } });
    bao.seal();
    const sealed = error(503, "Vault is sealed");
    for (const [method, path] of [
      ["GET", "secret/data/x"],
      ["GET", "auth/token/lookup-self"],
      ["POST", "auth/approle/login"],
      ["GET", "sys/internal/ui/mounts/secret"],
    ] as const)
      expect(shape(await bao.call(method, path, undefined, { token: "" }))).toEqual(sealed);
    const health = await bao.call("GET", "sys/health");
    expect([health.status, health.body]).toMatchObject([
      503,
      { sealed: true, standby: true, replication_dr_mode: "unknown" },
    ]);
    expect(health.body).not.toHaveProperty("cluster_name");
    expect((await bao.call("GET", "sys/health?sealedcode=299")).status).toBe(299);
    expect((await bao.call("GET", "sys/seal-status")).body).toMatchObject({ sealed: true, t: 1, n: 1 });
    bao.unseal();
    expect((await bao.call("GET", "secret/data/x")).body.data.data).toEqual({ k: "v" });
  });

  it("expires tokens and versions by a clock that a test advances", async () => {
    const bao = await fakeBao();
    const { client_token: parent } = await ownToken(bao, { policies: ["root"], ttl: "1h" });
    const { client_token: child } = await ownToken(bao, { policies: ["default"], ttl: "10h" }, parent);
    const { client_token: periodic } = await ownToken(bao, { policies: ["default"], period: "2h" });
    await bao.call("POST", "secret/metadata/x", { delete_version_after: "1h" });
    await bao.call("POST", "secret/data/x", { data: {} });
    const look = (token: string) => bao.call("GET", "auth/token/lookup-self", undefined, { token });
    bao.advance(59 * 60_000);
    expect((await look(child)).body.data.ttl).toBeLessThanOrEqual(9 * 3600 + 60);
    expect((await bao.call("GET", "secret/data/x")).status).toBe(200);
    bao.advance(2 * 60_000);
    expect(shape(await look(parent))).toEqual(unknownToken);
    expect(shape(await look(child))).toEqual(unknownToken);
    expect((await bao.call("GET", "secret/data/x")).status).toBe(404);
    expect((await bao.call("POST", "auth/token/renew-self", {}, { token: periodic })).status).toBe(200);
    bao.advance(119 * 60_000);
    expect((await look(periodic)).status).toBe(200);
    bao.advance(2 * 60_000);
    expect(shape(await look(periodic))).toEqual(unknownToken);
  });

  it("unlocks a locked entity by that clock", async () => {
    const bao = await fakeBao();
    await bao.call("POST", "sys/auth/approle", { type: "approle" });
    await bao.call("POST", "auth/approle/role/app", { role_id: "app" });
    const { secret_id } = (await bao.call("POST", "auth/approle/role/app/secret-id", { ttl: "1h" })).body
      .data;
    const login = async (secret: string) =>
      (await bao.call("POST", "auth/approle/login", { role_id: "app", secret_id: secret })).status;
    for (let n = 0; n < 5; n++) expect(await login("wrong")).toBe(400);
    expect(await login(secret_id)).toBe(403);
    bao.advance(15 * 60_000);
    expect(await login(secret_id)).toBe(200);
    bao.advance(60 * 60_000);
    expect(await login(secret_id)).toBe(400);
  });

  it("can replace a response, before or after the request is handled", async () => {
    const bao = await fakeBao();
    bao.before = ({ path }) =>
      path.endsWith("/x") ? Response.json({ errors: ["no"] }, { status: 502 }) : undefined;
    expect(shape(await bao.call("POST", "secret/data/x", { data: {} }))).toEqual(error(502, "no"));
    expect((await bao.call("POST", "secret/data/y", { data: {} })).status).toBe(200);
    bao.before = undefined;
    expect((await bao.call("GET", "secret/data/x")).status).toBe(404);
    bao.after = async () => new Response("<html>", { status: 504, headers: { "content-type": "text/html" } });
    const { status, headers } = await bao.call("POST", "secret/data/z", { data: {} });
    expect([status, headers.get("content-type")]).toEqual([504, "text/html"]);
    bao.after = undefined;
    expect((await bao.call("GET", "secret/data/z")).status).toBe(200);
  });

  it("can close a connection without a response, before or after the request is handled", async () => {
    const bao = await fakeBao();
    const write = (key: string) =>
      fetch(`${bao.url}/v1/secret/data/${key}`, {
        method: "POST",
        headers: { "x-vault-token": bao.token },
        body: '{"data":{}}',
        keepalive: false,
      });
    bao.before = () => "drop";
    await expect(write("x")).rejects.toThrow();
    bao.before = undefined;
    bao.after = () => "drop";
    await expect(write("y")).rejects.toThrow();
    bao.after = undefined;
    expect((await bao.call("GET", "secret/data/x")).status).toBe(404);
    expect((await bao.call("GET", "secret/data/y")).body.data.metadata.version).toBe(1);
  });

  it("can delay its responses", async () => {
    const bao = await fakeBao();
    bao.delay = 50;
    const start = performance.now();
    await bao.call("GET", "sys/health");
    expect(performance.now() - start).toBeGreaterThanOrEqual(49);
  });

  it("can stop, and start again at the same address with the same data", async () => {
    const bao = await fakeBao();
    await bao.call("POST", "secret/data/x", { data: { k: "v" } });
    await bao.stop();
    await expect(bao.call("GET", "secret/data/x")).rejects.toThrow();
    await bao.start();
    expect((await bao.call("GET", "secret/data/x")).body.data.data).toEqual({ k: "v" });
  });

  it("speaks TLS with its certificate", async () => {
    const tls = {
      cert: readFileSync(`${fixtures}/localhost.crt`, "utf8"),
      key: readFileSync(`${fixtures}/localhost.key`, "utf8"),
    };
    const bao = await fakeBao({ tls });
    expect(bao.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect((await bao.call("GET", "sys/health")).status).toBe(200);
    await expect(fetch(`${bao.url}/v1/sys/health`)).rejects.toThrow(/certificate/);
  });

  it("refuses features that it does not have", async () => {
    const bao = await fakeBao();
    const unknown = async (method: string, path: string, body?: unknown) =>
      (await bao.call(method, path, body)).status;
    expect(await unknown("POST", "sys/mounts/pki", { type: "pki" })).toBe(501);
    expect(await unknown("GET", "sys/leases/lookup/x")).toBe(501);
    expect(
      await unknown("PUT", "sys/policies/acl/x", { policy: 'path "a" { allowed_parameters = {} }' }),
    ).toBe(501);
    expect(await unknown("GET", "cubbyhole/x")).toBe(501);
    const wrapped = await bao.call(
      "POST",
      "secret/data/x",
      { data: {} },
      { headers: { "x-vault-wrap-ttl": "60s" } },
    );
    expect(wrapped.status).toBe(501);
  });
});
