import { describe, expect, it } from "vitest";
import type { ServerOptions } from "../../../src/server/options.ts";
import { fakeBao, openBao } from "../../support/openbao/open.ts";
import type { TestBao } from "../../support/openbao/types.ts";
import { must, testServer } from "../../support/server.ts";
import { goodProvider, upstream } from "../../support/upstream.ts";

const values = { key: "marked-value-one" };
const backends = "/api/v1/secretbackends";
const messages = [{ role: "user", content: "hi" }];

/** Starts a server with a backend `bao` that logs in with a token of the given OpenBao. */
async function startWithBao(bao: TestBao, options: Partial<ServerOptions> = {}) {
  const server = await testServer(options);
  await must(server.admin("POST", "/api/v1/secrets", { name: "bao-token", data: { token: bao.token } }));
  const auth = { tokenSecretRef: { name: "bao-token", key: "token" } };
  const config = { url: bao.url, mount: bao.mount, auth };
  await must(server.admin("POST", backends, { name: "bao", type: "openbao", config }));
  return server;
}

/** Does the same, and creates a secret `s` on it and an llm `gpt` that uses the secret. */
async function startWithLlm(bao: TestBao, options: Partial<ServerOptions> = {}) {
  const server = await startWithBao(bao, options);
  const provider = upstream(goodProvider);
  await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: values, backend: "bao" }));
  const llm = { name: "gpt", type: "openai", model: "m", url: provider.url };
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", { ...llm, apiKeyRef: { name: "s", key: "key" } }),
  );
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "free" }));
  const call = (name = "gpt") => server.admin("POST", `/api/v1/llms/${name}/infer`, { messages });
  return { server, provider, call };
}

async function health(server: Awaited<ReturnType<typeof startWithBao>>) {
  return (await must(server.admin("GET", `${backends}/bao`))).body.health;
}

describe("secrets in OpenBao", () => {
  it("are written, read, changed, deleted and moved, and leave nothing behind", async () => {
    const bao = await openBao();
    const server = await startWithBao(bao);
    const secret = "/api/v1/secrets/s";
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: values, backend: "bao" }));
    const { body: created } = await must(server.admin("GET", secret));
    const { externalRef } = created;
    const stored = await bao.call("GET", `${bao.mount}/data/mcpctl/${externalRef}`);
    expect(stored.body.data.data).toEqual(values);
    expect(stored.body.data.metadata.custom_metadata).toEqual({ "managed-by": "mcpctl" });
    expect(externalRef).toMatch(new RegExp(`^${created.id}/ver_\\w+$`));

    await must(server.admin("PUT", secret, { data: { other: "two" } }));
    expect((await must(server.admin("GET", `${secret}?reveal=true`))).body.data).toEqual({
      ...values,
      other: "two",
    });
    expect((await bao.call("GET", `${bao.mount}/data/mcpctl/${externalRef}`)).status).toBe(404);
    const wish = (from: string, to: string) => ({ from, to, names: ["s"] });
    const path = "/api/v1/secrets/migrate";
    expect((await must(server.admin("POST", path, wish("bao", "default")))).body.summary.migrated).toBe(1);
    expect((await bao.call("GET", `${bao.mount}/metadata/?list=true`)).status).toBe(404);
    expect((await must(server.admin("POST", path, wish("default", "bao")))).body.summary.migrated).toBe(1);
    expect((await must(server.admin("GET", `${secret}?reveal=true`))).body.data.other).toBe("two");
    await must(server.admin("DELETE", secret));
    expect((await bao.call("GET", `${bao.mount}/metadata/?list=true`)).status).toBe(404);
    expect(server.logged).toEqual([]);
  });

  it("keep a value that was changed by hand in OpenBao", async () => {
    const bao = await openBao();
    const server = await startWithBao(bao);
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: values, backend: "bao" }));
    const { externalRef } = (await must(server.admin("GET", "/api/v1/secrets/s"))).body;
    const byHand = { key: "by hand" };
    const written = await bao.call("POST", `${bao.mount}/data/mcpctl/${externalRef}`, { data: byHand });
    expect(written.status).toBe(200);
    await must(server.admin("PUT", "/api/v1/secrets/s", { data: { other: "two" } }));
    const { body } = await must(server.admin("GET", "/api/v1/secrets/s?reveal=true"));
    expect(body.data).toEqual({ ...byHand, other: "two" });
  });

  it("stay at the source if a move fails, and a second run finishes it", async () => {
    const bao = await fakeBao();
    const server = await startWithBao(bao);
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: values }));
    const wish = { from: "default", to: "bao", names: ["s"] };
    bao.after = ({ method, path }) =>
      method === "POST" && path.includes("/data/") ? new Response("{}", { status: 403 }) : undefined;
    const failed = await must(server.admin("POST", "/api/v1/secrets/migrate", wish));
    expect(failed.body.results).toMatchObject([
      {
        name: "s",
        result: "failed",
        reason: expect.stringContaining('secret backend "bao": permission denied'),
      },
    ]);
    bao.after = undefined;
    const { body } = await must(server.admin("GET", "/api/v1/secrets/s?reveal=true"));
    expect([body.backend, body.data]).toEqual(["default", values]);
    // The value was written although the answer said otherwise, and is gone again.
    expect((await bao.call("GET", "secret/metadata/?list=true")).status).toBe(404);
    expect((await must(server.admin("POST", "/api/v1/secrets/migrate", wish))).body.summary.migrated).toBe(1);
  });

  it("report a copy at the source that could not be deleted, and a second run deletes it", async () => {
    const bao = await fakeBao();
    const { server } = await startWithLlm(bao);
    bao.before = ({ method }) =>
      method === "DELETE" ? new Response('{"errors":["permission denied"]}', { status: 403 }) : undefined;
    const wish = { from: "bao", to: "default", names: ["s"] };
    const first = await must(server.admin("POST", "/api/v1/secrets/migrate", wish));
    expect(first.body.results).toMatchObject([
      { name: "s", result: "migrated", left: expect.stringContaining("a copy on bao could not be deleted") },
    ]);
    bao.before = undefined;
    const second = await must(server.admin("POST", "/api/v1/secrets/migrate", wish));
    expect(second.body.results).toEqual([{ name: "s", result: "skipped", reason: "already on default" }]);
    expect((await bao.call("GET", "secret/metadata/?list=true")).status).toBe(404);
  });
});

describe("calls with a key in OpenBao", () => {
  it("read it once, go on for a minute while OpenBao is down, and then report that", async () => {
    const bao = await fakeBao();
    let elapsed = 0;
    const clocks = { elapsed: () => elapsed, now: () => 1_800_000_000_000 + elapsed };
    const { server, provider, call } = await startWithLlm(bao, clocks);
    bao.requests.length = 0;
    const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(bao.requests.filter(({ path }) => path.includes("/data/"))).toHaveLength(1);
    expect(provider.seen.at(-1)?.headers["authorization"]).toBe(`Bearer ${values.key}`);

    await bao.stop();
    for (elapsed = 10_000; elapsed < 60_000; elapsed += 10_000) expect((await call()).status).toBe(200);
    elapsed = 60_000;
    const refused = await call();
    expect([refused.status, refused.body.code]).toEqual([503, "unavailable"]);
    expect(refused.body.error).toMatch(
      /^cannot read key "key" of secret "s": secret backend "bao": .*refused/,
    );
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    // Nothing else is affected.
    expect((await call("free")).status).toBe(200);
    expect((await server.admin("GET", "/api/v1/secrets/s")).status).toBe(200);
    expect((await server.admin("PUT", "/api/v1/secrets/bao-token", { data: { other: "x" } })).status).toBe(
      200,
    );
    // The clock of the test went on by a minute: the store is asked again within two seconds.
    await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect((await health(server)).status).toBe("error");

    await bao.start();
    expect((await call()).status).toBe(200);
  });

  it("get a 500 in the caller's dialect for a fault that somebody has to repair", async () => {
    const bao = await fakeBao();
    const { server, call } = await startWithLlm(bao);
    await must(server.admin("PUT", "/api/v1/secrets/bao-token", { data: { token: "no-such-token" } }));
    const { status, body } = await call();
    expect([status, body.code]).toEqual([500, "secret_unavailable"]);
    expect(body.error).toContain('secret backend "bao": it does not accept the token');
    const anthropic = await server.admin("POST", "/v1/messages", { model: "gpt", max_tokens: 9, messages });
    expect([anthropic.status, anthropic.body.type, anthropic.body.error.type]).toEqual([
      500,
      "error",
      "api_error",
    ]);
    expect(`${anthropic.text}${JSON.stringify(body)}`).not.toContain("no-such-token");
    await must(server.admin("PUT", "/api/v1/secrets/bao-token", { data: { token: bao.token } }));
    expect((await call()).status).toBe(200);
  });

  it("use a changed config of the backend without a restart", async () => {
    const [first, second] = [await fakeBao(), await fakeBao({ token: "another" })];
    const { server, call } = await startWithLlm(first);
    expect((await call()).status).toBe(200);
    const { config } = (await must(server.admin("GET", `${backends}/bao`))).body;
    await must(server.admin("PUT", "/api/v1/secrets/bao-token", { data: { token: "another" } }));
    await must(server.admin("PUT", `${backends}/bao`, { config: { ...config, url: second.url } }));
    await must(server.admin("POST", "/api/v1/secrets", { name: "t", data: values, backend: "bao" }));
    expect(second.requests.some(({ path }) => path.includes("/data/"))).toBe(true);
  });
});

describe("the health of a backend in OpenBao", () => {
  it("is shown for one backend and in lists, with the reason", async () => {
    const bao = await fakeBao();
    let now = Date.now();
    const server = await startWithBao(bao, { now: () => now });
    expect(await health(server)).toEqual({ status: "healthy", reason: null, checkedAt: expect.any(String) });
    bao.seal();
    now += 60_000;
    expect(await health(server)).toMatchObject({
      status: "error",
      reason: expect.stringContaining("sealed"),
    });
    const { body } = await must(server.admin("GET", backends));
    expect(body.find(({ name }: { name: string }) => name === "bao").health.status).toBe("error");
    bao.unseal();
    now += 60_000;
    expect((await health(server)).status).toBe("healthy");
  });

  it("is an error while there is no credential, and OpenBao is not called again and again", async () => {
    const bao = await fakeBao();
    const server = await startWithBao(bao);
    await must(server.admin("PUT", `${backends}/bao`, { config: { url: bao.url } }));
    bao.requests.length = 0;
    expect(await health(server)).toMatchObject({
      status: "error",
      reason: expect.stringContaining("has no"),
    });
    expect(bao.requests.filter(({ headers }) => headers["x-vault-token"])).toEqual([]);
  });
});
