import { describe, expect, it } from "vitest";
import { fakeBao } from "../../support/openbao/fake.ts";
import type { BaoRequest } from "../../support/openbao/types.ts";
import { reply, upstream } from "../../support/upstream.ts";
import { errorOf, fullPolicy, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";
const canary = "s.canarycanarycanarycanary";

const errors = (status: number, text: string, headers: Record<string, string> = {}) =>
  Response.json({ errors: [text] }, { status, headers });
const html = (status: number) =>
  new Response("<html><title>canary</title></html>", { status, headers: { "content-type": "text/html" } });
const isRead = ({ method, path }: BaoRequest) => method === "GET" && path.includes("/data/");

/** Starts an OpenBao with one value, and a driver that is logged in to it. */
async function withValue() {
  const bao = await fakeBao();
  const watched = watch(bao);
  await watched.driver.write(ref, { k: "v" });
  return { bao, ...watched };
}

describe("a temporary fault", () => {
  const faults: [string, () => Response, string][] = [
    ["sealed", () => errors(503, "Vault is sealed"), "it is sealed"],
    ["a sealed namespace", () => errors(503, "namespace is sealed"), "its namespace is sealed"],
    ["no leader", () => errors(503, "no active Vault instance found"), "it has no active node"],
    [
      "a fault of its own",
      () => errors(500, `1 error occurred:\n\t* ${canary}\n`),
      "it answers with status 500",
    ],
    ["a proxy's page", () => html(502), "status 502 comes from a proxy before it: the response is not JSON"],
    [
      "a replica behind",
      () => errors(412, "required index state not present"),
      "the node that answers is behind",
    ],
    [
      "a quota",
      () => errors(429, 'request path "x": rate limit quota exceeded'),
      "it limits requests: rate limit",
    ],
    [
      "leases",
      () => errors(429, "lease count quota exceeded"),
      "it limits leases: lease count quota exceeded",
    ],
    ["disaster recovery", () => errors(472, ""), "it is a standby for disaster recovery"],
    ["a performance standby", () => errors(473, ""), "it is a standby that cannot forward"],
    [
      "a migration",
      () => errors(400, "Upgrading from non-versioned to versioned data. …"),
      "its engine is being",
    ],
  ];

  it.each(faults)("%s: is reported after three attempts", async (_, fault, words) => {
    const { bao, driver, pauses } = await withValue();
    let tried = 0;
    bao.before = (request) => {
      if (!isRead(request)) return undefined;
      tried++;
      return fault();
    };
    const error = await errorOf(driver.read(ref));
    expect(error).toMatchObject({ code: "unavailable", status: 503, retryAfter: 5 });
    expect(error.message).toMatch(/^secret backend "bao": /);
    expect(error.message).toContain(words);
    expect(Bun.inspect(error)).not.toContain("canary");
    expect(tried).toBe(3);
    expect(pauses).toEqual([100, 200]);
  });

  it.each(faults)("%s: is not reported if the second attempt succeeds", async (_, fault) => {
    const { bao, driver, pauses } = await withValue();
    let tried = 0;
    bao.before = (request) => (isRead(request) && tried++ === 0 ? fault() : undefined);
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(tried).toBe(2);
    expect(pauses).toEqual([100]);
  });

  it("may be a lost connection", async () => {
    const { bao, driver, pauses } = await withValue();
    let toDrop = Number.POSITIVE_INFINITY;
    bao.before = (request) => (isRead(request) && toDrop-- > 0 ? "drop" : undefined);
    const error = await errorOf(driver.read(ref));
    expect(error).toMatchObject({
      code: "unavailable",
      message: 'secret backend "bao": it closes the connection without a response',
    });
    expect(pauses.splice(0)).toEqual([100, 200]);
    toDrop = 2;
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(pauses).toEqual([100, 200]);
  });

  it("waits for a random time whose limit doubles with each attempt", async () => {
    const bao = await fakeBao();
    const chances = [0, 0.5];
    const { driver, pauses } = watch(bao, { random: () => chances.shift()! });
    bao.seal();
    expect((await errorOf(driver.read(ref))).hint).toBe("bao operator unseal");
    expect(pauses).toEqual([0, 100]);
  });

  it("waits as long as the server asks, and gives up if that is too long", async () => {
    const { bao, driver, pauses } = await withValue();
    let tried = 0;
    let after = "3";
    bao.before = (request) => {
      if (!isRead(request)) return undefined;
      tried++;
      return errors(429, "rate limit quota exceeded", { "retry-after": after });
    };
    expect(await errorOf(driver.read(ref))).toMatchObject({ code: "unavailable", retryAfter: 3 });
    expect([tried, pauses]).toEqual([3, [3000, 3000]]);
    after = "6";
    expect(await errorOf(driver.read(ref))).toMatchObject({ code: "unavailable", retryAfter: 6 });
    expect([tried, pauses]).toEqual([4, [3000, 3000]]);
  });

  it("is not retried for longer than ten seconds", async () => {
    const { bao, driver, clock, pauses } = await withValue();
    bao.before = (request) => {
      if (!isRead(request)) return undefined;
      clock.now += 9_950;
      return errors(503, "Vault is sealed");
    };
    await errorOf(driver.read(ref));
    expect(pauses).toEqual([]);
  });

  it("may be a stopped server, until it is started again", async () => {
    const { bao, driver } = await withValue();
    await bao.stop();
    const error = await errorOf(driver.read(ref));
    expect(error.code).toBe("unavailable");
    expect(error.message).toMatch(/the connection was refused|closes the connection/);
    await bao.start();
    expect(await driver.read(ref)).toEqual({ k: "v" });
  });

  it("may be a host name that is not found", async () => {
    const { driver } = watch({ url: "https://bao.invalid:8200", mount: "secret", token: canary });
    const error = await errorOf(driver.read(ref));
    expect(error).toMatchObject({
      code: "unavailable",
      message: 'secret backend "bao": the host name was not found',
    });
    expect(Bun.inspect(error)).not.toContain("canary");
  });
});

describe("a lost response", () => {
  it("to a write leaves one version, and the write succeeds", async () => {
    const bao = await fakeBao();
    let lost = 0;
    bao.after = ({ method, path }) => {
      const isLost = method === "POST" && path.includes(bao.mount) && lost < 2;
      lost += isLost ? 1 : 0;
      return isLost ? "drop" : undefined;
    };
    const { driver } = watch(bao);
    await driver.write(ref, { k: "v" });
    expect(lost).toBe(2);
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect((await bao.call("GET", `${bao.mount}/metadata/mcpctl/${ref}`)).body.data.current_version).toBe(1);
  });

  it("to a write is an error if other values are stored there", async () => {
    const bao = await fakeBao();
    bao.before = async ({ method, path }) => {
      if (method !== "POST" || !path.includes("/data/")) return undefined;
      bao.before = undefined;
      await bao.call("POST", `${bao.mount}/data/mcpctl/${ref}`, { data: { k: "theirs" } });
      return undefined;
    };
    const { driver } = watch(bao);
    const error = await errorOf(driver.write(ref, { k: "ours" }));
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toBe('secret backend "bao": something else has been stored under a new ref');
    expect(await driver.read(ref)).toEqual({ k: "theirs" });
  });

  it("to the creation of a token is not retried, because a second token would be made", async () => {
    const bao = await fakeBao();
    const role = { allowed_policies: ["default"], orphan: true, token_period: "1h" };
    await bao.call("POST", "auth/token/roles/r", role);
    const { body } = await bao.call("POST", "auth/token/create/r", {});
    let created = 0;
    const policy = 'path "auth/token/create/r" { capabilities = ["update"] }';
    await bao.call("POST", "sys/policies/acl/default", { policy: `${fullPolicy(bao.mount)} ${policy}` });
    const { driver } = watch({ ...bao, token: body.auth.client_token });
    await driver.login.mint();
    bao.after = ({ path }) => {
      if (!path.includes("token/create")) return undefined;
      created++;
      return "drop";
    };
    expect((await errorOf(driver.login.mint())).code).toBe("unavailable");
    expect(created).toBe(1);
  });
});

describe("a node that is behind (OpenBao 2.5)", () => {
  it("is asked again for a recent write, and for nothing else", async () => {
    const { bao, driver, pauses, clock } = await withValue();
    let reads = 0;
    bao.before = (request) =>
      isRead(request) && reads++ < 2 ? Response.json({ errors: [] }, { status: 404 }) : undefined;
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(pauses).toEqual([100, 100]);
    expect(await driver.read("sec_2/ver_2")).toBeNull();
    reads = 0;
    clock.now += 10_001;
    expect(await driver.read(ref)).toBeNull();
    expect(pauses).toEqual([100, 100]);
  });

  it("is asked again before the delete of a recent write is skipped", async () => {
    const { bao, driver } = await withValue();
    let looks = 0;
    bao.before = ({ method, path }) =>
      method === "GET" && path.includes("/metadata/") && looks++ < 2
        ? Response.json({ errors: [] }, { status: 404 })
        : undefined;
    await driver.delete(ref);
    bao.before = undefined;
    expect((await bao.call("GET", `${bao.mount}/metadata/mcpctl/${ref}`)).status).toBe(404);
    expect(await driver.read(ref)).toBeNull();
  });
});

describe("a redirect (T13)", () => {
  it.each([301, 302, 307, 308])("with %i is not followed, and its target is not shown", async (status) => {
    const elsewhere = upstream((_, connection) => connection.write(reply(200, {})));
    const bao = await fakeBao();
    bao.before = () => new Response(null, { status, headers: { location: `${elsewhere.url}/canary` } });
    const error = await errorOf(watch(bao).driver.read(ref));
    expect(error.message).toBe('secret backend "bao": it is a standby that cannot forward');
    expect(error.hint).toBe("use the address of the active node");
    expect(Bun.inspect(error)).not.toContain(elsewhere.url);
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("a server that is not OpenBao", () => {
  it.each<[string, () => Response]>([
    ["a web page", () => html(200)],
    ["a web page that is not found", () => html(404)],
    ["another API's 404", () => Response.json({ detail: "Not Found" }, { status: 404 })],
    ["another API's answer", () => Response.json({ hello: "canary" })],
    ["a bare list", () => Response.json([])],
  ])("%s is not taken for a missing secret", async (_, response) => {
    const { bao, driver, pauses } = await withValue();
    bao.before = (request) => (isRead(request) ? response() : undefined);
    const error = await errorOf(driver.read(ref));
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toMatch(/^secret backend "bao": (the server at its url is not OpenBao|the engine)/);
    expect(Bun.inspect(error)).not.toContain("canary");
    expect(pauses).toEqual([]);
    bao.before = response;
    const health = await driver.health();
    expect(health.status).toBe("error");
    expect(health.reason).toContain("is not OpenBao");
  });

  it("that echoes the request does not get the token into an error (T20, T28, T35)", async () => {
    const bao = await fakeBao();
    for (const status of [400, 403, 404, 405, 413, 418, 429, 500, 503]) {
      bao.before = ({ headers, body }) =>
        errors(status, `canary ${headers["x-vault-token"]} ${JSON.stringify(body)}`);
      const { driver } = watch({ ...bao, token: canary });
      for (const refused of [
        () => driver.read(ref),
        () => driver.write(ref, { k: "canary" }),
        () => driver.list(),
      ])
        expect(Bun.inspect(await errorOf(refused()))).not.toContain("canary");
      expect(JSON.stringify(await driver.health())).not.toContain("canary");
    }
  });

  it("with an endless response is cut off", async () => {
    const bao = await fakeBao();
    bao.before = () => new Response(" ".repeat(2 * 1024 * 1024));
    const error = await errorOf(watch(bao).driver.read(ref));
    expect(error.message).toBe('secret backend "bao": its response is too large');
  });

  it("that speaks https is reported when it is called over plain http", async () => {
    const { url } = upstream((_, connection) =>
      connection.end("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
    );
    const { driver } = watch({ url, mount: "secret", token: canary });
    expect((await errorOf(driver.read(ref))).message).toBe(
      'secret backend "bao": it speaks https: change its url',
    );
  });
});
